#include "sha256.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "sha256_kernels.h"

namespace penstock {
namespace {

/// Best first.
constexpr std::array kKernels = {
#if defined(__x86_64__)
    &kSha256ShaNi,
#endif
    &kSha256Portable,
};

template <std::size_t Length>
constexpr std::array<std::uint8_t, Length> FromHex(const char (&hex)[Length * 2 + 1]) {
  const auto digit = [](char c) { return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::array<std::uint8_t, Length> bytes = {};
  for (std::size_t i = 0; i < Length; i++) {
    bytes[i] = static_cast<std::uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  }
  return bytes;
}

// FIPS 180-2, appendix B: one block, then a message whose padding needs a second one.
constexpr std::string_view kShortMessage = "abc";
constexpr Hash kShortDigest = FromHex<32>("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
constexpr std::string_view kLongMessage = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
constexpr Hash kLongDigest = FromHex<32>("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");

// The header of the genesis block, with 2083236893 as its nonce.
constexpr std::array<std::uint8_t, 80> kHeader = FromHex<80>(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc8"
    "1bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c");
constexpr Hash kHeaderHash = FromHex<32>("6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000");
constexpr std::uint64_t kHeaderNonce = 2083236893;

// The two transactions of block 170 and its merkle root.
constexpr std::array<std::uint8_t, 64> kMerklePair = FromHex<64>(
    "82501c1178fa0b222c1f3d474ec726b832013f0a532b44bb620cce8624a5feb1"
    "169e1e83e930853391bc6f35f605c6754cfead57cf8387639d3b4096c54f18f4");
constexpr Hash kMerkleRoot = FromHex<32>("ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d");

Bytes BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool TestsMessages(const Sha256Kernel& kernel) {
  return Sha256(kernel, BytesOf(kShortMessage)) == kShortDigest &&
         Sha256(kernel, BytesOf(kLongMessage)) == kLongDigest;
}

bool TestsHeader(const Sha256Kernel& kernel) {
  Hash hash;
  kernel.double80(hash, kHeader);
  return hash == kHeaderHash;
}

/// Several at once, so that every lane of a wide kernel and what is left over have their turn.
bool TestsMerkleStep(const Sha256Kernel& kernel) {
  constexpr std::size_t kCount = 19;
  std::array<std::uint8_t, kCount * 64> pairs;
  for (std::size_t i = 0; i < kCount; i++) CopyBytes(std::span(pairs).subspan(i * 64), kMerklePair);
  const std::span<std::uint8_t> roots = std::span(pairs).first(kCount * 32);
  kernel.double64(roots, pairs);
  for (std::size_t i = 0; i < kCount; i++) {
    if (!std::ranges::equal(roots.subspan(i * 32, 32), kMerkleRoot)) return false;
  }
  return true;
}

/// From several distances, so that the nonce falls into every lane.
bool TestsScan(const Sha256Kernel& kernel) {
  ScanJob job = {kSha256Initial, {}, 0};
  const FixedBytes<80> header = kHeader;
  kernel.compress(job.midstate, header.first<64>());
  for (std::size_t i = 0; i < 3; i++) job.words[i] = ReadBe32(header.subspan(64 + 4 * i).first<4>());
  for (std::uint64_t distance = 0; distance < 17; distance++) {
    const std::uint64_t first = kHeaderNonce - distance;
    if (kernel.scan(job, first, kHeaderNonce + 20) != kHeaderNonce) return false;
    if (kernel.scan(job, first, kHeaderNonce) != kHeaderNonce) return false;
  }
  return true;
}

std::vector<const Sha256Kernel*> TestKernels() {
  std::vector<const Sha256Kernel*> usable;
  std::ranges::copy_if(kKernels, std::back_inserter(usable), [](const auto* kernel) { return SelfTest(*kernel); });
  if (usable.empty()) throw std::runtime_error("no SHA-256 kernel passes its self-test on this machine");
  return usable;
}

}  // namespace

bool SelfTest(const Sha256Kernel& kernel) {
  return kernel.supported() && TestsMessages(kernel) && TestsHeader(kernel) && TestsMerkleStep(kernel) &&
         TestsScan(kernel);
}

std::span<const Sha256Kernel* const> UsableKernels() {
  static const std::vector<const Sha256Kernel*> usable = TestKernels();
  return usable;
}

const Sha256Kernel* FindKernel(std::string_view name) {
  for (const Sha256Kernel* kernel : UsableKernels()) {
    if (name == kernel->name) return kernel;
  }
  return nullptr;
}

std::size_t PadLastBlock(std::span<std::uint8_t, 128> out, Bytes rest, std::uint64_t totalLength) {
  const std::size_t used = rest.size() + 1 + 8 <= 64 ? 64 : 128;
  std::ranges::fill(out, std::uint8_t{0});
  CopyBytes(out, rest);
  out[rest.size()] = 0x80;
  const std::uint64_t bits = totalLength * 8;
  WriteBe32(out.subspan(used - 8).first<4>(), static_cast<std::uint32_t>(bits >> 32));
  WriteBe32(out.subspan(used - 4).first<4>(), static_cast<std::uint32_t>(bits));
  return used;
}

Hash DigestOf(const Sha256State& state) {
  Hash digest;
  const std::span<std::uint8_t, 32> out = digest;
  for (std::size_t i = 0; i < state.size(); i++) WriteBe32(out.subspan(i * 4).first<4>(), state[i]);
  return digest;
}

Hash Sha256(const Sha256Kernel& kernel, Bytes data) {
  const std::size_t whole = data.size() - data.size() % 64;
  std::array<std::uint8_t, 128> last;
  const std::size_t lastLength = PadLastBlock(last, data.subspan(whole), data.size());
  Sha256State state = kSha256Initial;
  kernel.compress(state, data.first(whole));
  kernel.compress(state, Bytes(last).first(lastLength));
  return DigestOf(state);
}

Hash Sha256d(const Sha256Kernel& kernel, Bytes data) { return Sha256(kernel, Sha256(kernel, data)); }

}  // namespace penstock
