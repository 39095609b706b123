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
    &kSha256Avx512ShaNi, &kSha256ShaNi, &kSha256ShaNi1, &kSha256Avx512, &kSha256Avx2,
#elif defined(__aarch64__)
    &kSha256Armv8, &kSha256Armv8One,
#endif
    &kSha256Portable,
};

constexpr std::array<std::uint32_t, 64> kRounds = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

constexpr Sha256Schedule MakeSchedule(const std::array<std::uint32_t, 16>& block) {
  Sha256Schedule words = {};
  for (std::size_t i = 0; i < 64; i++) {
    if (i < 16) {
      words[i] = block[i];
      continue;
    }
    const std::uint32_t near = words[i - 2];
    const std::uint32_t far = words[i - 15];
    words[i] = words[i - 16] + words[i - 7] + (std::rotr(far, 7) ^ std::rotr(far, 18) ^ (far >> 3)) +
               (std::rotr(near, 17) ^ std::rotr(near, 19) ^ (near >> 10));
  }
  for (std::size_t i = 0; i < 64; i++) words[i] += kRounds[i];
  return words;
}

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

// The two transactions of block 170, the first of them in full, and its merkle root.
constexpr std::array<std::uint8_t, 64> kMerklePair = FromHex<64>(
    "82501c1178fa0b222c1f3d474ec726b832013f0a532b44bb620cce8624a5feb1"
    "169e1e83e930853391bc6f35f605c6754cfead57cf8387639d3b4096c54f18f4");
constexpr std::array<std::uint8_t, 134> kCoinbase = FromHex<134>(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0102ffffffff0100f2"
    "052a01000000434104d46c4968bde02899d2aa0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7b302140434bd725706"
    "957c092db53805b821a85b23a7ac61725bac00000000");
constexpr Hash kMerkleRoot = FromHex<32>("ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d");

Bytes BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool TestsMessages(const Sha256Kernel& kernel) {
  return Sha256(kernel, BytesOf(kShortMessage)) == kShortDigest &&
         Sha256(kernel, BytesOf(kLongMessage)) == kLongDigest;
}

/// As many as fill the lanes of a wide kernel, with some left over, and fewer.
constexpr std::size_t kMostAtOnce = 19;

bool AllAre(Bytes digests, const Hash& expected) {
  for (; !digests.empty(); digests = digests.subspan(32)) {
    if (!std::ranges::equal(digests.first(32), expected)) return false;
  }
  return true;
}

bool TestsHeaders(const Sha256Kernel& kernel) {
  std::array<std::uint8_t, kMostAtOnce * 80> headers;
  std::array<std::uint8_t, kMostAtOnce * 32> hashes;
  for (std::size_t i = 0; i < kMostAtOnce; i++) CopyBytes(std::span(headers).subspan(i * 80), kHeader);
  for (std::size_t count = 1; count <= kMostAtOnce; count++) {
    hashes.fill(0);
    const auto out = std::span(hashes).first(count * 32);
    kernel.double80(out, Bytes(headers).first(count * 80));
    if (!AllAre(out, kHeaderHash)) return false;
  }
  return true;
}

bool TestsMerkleSteps(const Sha256Kernel& kernel) {
  for (std::size_t count = 1; count <= kMostAtOnce; count++) {
    std::array<std::uint8_t, kMostAtOnce * 64> pairs;
    for (std::size_t i = 0; i < count; i++) CopyBytes(std::span(pairs).subspan(i * 64), kMerklePair);
    const auto out = std::span(pairs).first(count * 32);
    kernel.double64(out, Bytes(pairs).first(count * 64));
    if (!AllAre(out, kMerkleRoot)) return false;
  }
  return true;
}

bool TestsRoots(const Sha256Kernel& kernel) {
  constexpr std::size_t kOwnLength = 128;
  std::array<std::uint8_t, 128> end;
  PadLastBlock(end, Bytes(kCoinbase).subspan(kOwnLength), kCoinbase.size());
  const std::array<Sha256Schedule, 1> common = {ScheduleOf(Bytes(end).first<64>())};
  const RootJob job = {kSha256Initial, kOwnLength / 64, common, Bytes(kMerklePair).subspan(32)};

  std::array<std::uint8_t, kMostAtOnce * kOwnLength> own;
  std::array<std::uint8_t, kMostAtOnce * 32> roots;
  for (std::size_t i = 0; i < kMostAtOnce; i++) {
    CopyBytes(std::span(own).subspan(i * kOwnLength), Bytes(kCoinbase).first(kOwnLength));
  }
  for (std::size_t count = 1; count <= kMostAtOnce; count++) {
    roots.fill(0);
    const auto out = std::span(roots).first(count * 32);
    kernel.roots(out, job, Bytes(own).first(count * kOwnLength));
    if (!AllAre(out, kMerkleRoot)) return false;
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

alignas(64) constexpr std::array<std::uint32_t, 64> kSha256Rounds = kRounds;
alignas(64) constexpr Sha256Schedule kSchedulePadding64 =
    MakeSchedule({kPaddingBit, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, kBits64Bytes});

bool SelfTest(const Sha256Kernel& kernel) {
  return kernel.supported() && TestsMessages(kernel) && TestsHeaders(kernel) && TestsMerkleSteps(kernel) &&
         TestsRoots(kernel) && TestsScan(kernel);
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

Sha256Schedule ScheduleOf(FixedBytes<64> block) {
  std::array<std::uint32_t, 16> words;
  for (std::size_t i = 0; i < words.size(); i++) words[i] = ReadBe32(block.subspan(i * 4).first<4>());
  return MakeSchedule(words);
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
