#include "job.h"

#include <algorithm>

namespace penstock {
namespace {

/// Coinbases that are hashed side by side: as many as the widest kernel has lanes.
constexpr std::size_t kAtOnce = 16;

Hash CopyHash(FixedBytes<32> bytes) {
  Hash hash;
  CopyBytes(hash, bytes);
  return hash;
}

/// Appends the padding of a message of totalLength bytes that ends with `tail`.
void Pad(std::vector<std::uint8_t>& tail, std::uint64_t totalLength) {
  const std::size_t whole = tail.size() - tail.size() % 64;
  std::array<std::uint8_t, 128> padded;
  const std::size_t length = PadLastBlock(padded, Bytes(tail).subspan(whole), totalLength);
  tail.resize(whole);
  tail.insert(tail.end(), padded.begin(), padded.begin() + static_cast<std::ptrdiff_t>(length));
}

}  // namespace

PreparedJob::PreparedJob(const Sha256Kernel& kernel, const JobParts& parts)
    : version_(parts.version),
      bits_(parts.bits),
      minTime_(parts.minTime),
      tipNumber_(parts.tipNumber),
      wide_(parts.extranonce2Length == kWideExtranonce2Length),
      previousHash_(CopyHash(parts.previousHash)),
      networkTarget_(CopyHash(parts.networkTarget)),
      extranonceOffset_(parts.coinbase1.size() % 64),
      merkleBranch_(parts.merkleBranch.begin(), parts.merkleBranch.end()) {
  const std::size_t whole = parts.coinbase1.size() - extranonceOffset_;
  kernel.compress(midstate_, parts.coinbase1.first(whole));

  const Bytes start = parts.coinbase1.subspan(whole);
  std::vector<std::uint8_t> tail(start.begin(), start.end());
  tail.resize(tail.size() + extranoncesLength());
  const auto ownLength = static_cast<std::ptrdiff_t>(tail.size() <= 64 ? 64 : 128);
  tail.insert(tail.end(), parts.coinbase2.begin(), parts.coinbase2.end());
  Pad(tail, whole + tail.size());

  ownBlocks_.assign(tail.begin(), tail.begin() + ownLength);
  for (Bytes rest = Bytes(tail).subspan(ownBlocks_.size()); !rest.empty(); rest = rest.subspan(64)) {
    commonBlocks_.push_back(ScheduleOf(rest.first<64>()));
  }
}

Hash PreparedJob::Root(const Sha256Kernel& kernel, const Extranonces& choice) const {
  Hash root;
  Roots(kernel, {&choice, 1}, {&root, 1});
  return root;
}

void PreparedJob::Roots(const Sha256Kernel& kernel, std::span<const Extranonces> choices,
                        std::span<Hash> roots) const {
  if (choices.empty()) return;
  const auto write = [this, choices](std::size_t i, std::span<std::uint8_t> place) {
    CopyBytes(place, choices[i].extranonce1);
    CopyBytes(place.subspan(kExtranonce1Length), Bytes(choices[i].extranonce2).first(extranonce2Length()));
  };
  static_assert(sizeof(Hash) == 32);
  HashRoots(kernel, write, {roots.front().data(), choices.size() * sizeof(Hash)});
}

void PreparedJob::Roots(const Sha256Kernel& kernel, Bytes choices, std::span<std::uint8_t> roots) const {
  const auto write = [choices](std::size_t i, std::span<std::uint8_t> place) {
    CopyBytes(place, choices.subspan(i * place.size()).first(place.size()));
  };
  HashRoots(kernel, write, roots);
}

template <typename Write>
void PreparedJob::HashRoots(const Sha256Kernel& kernel, Write write, std::span<std::uint8_t> roots) const {
  const RootJob job = {midstate_, ownBlocks_.size() / 64, commonBlocks_, merkleBranch_};
  std::array<std::uint8_t, kAtOnce * 128> own;
  const std::size_t all = roots.size() / sizeof(Hash);
  for (std::size_t done = 0; done < all; done += kAtOnce) {
    const std::size_t count = std::min(all - done, kAtOnce);
    const std::span<std::uint8_t> blocks = std::span(own).first(count * ownBlocks_.size());
    for (std::size_t i = 0; i < count; i++) {
      const std::span<std::uint8_t> mine = blocks.subspan(i * ownBlocks_.size(), ownBlocks_.size());
      CopyBytes(mine, ownBlocks_);
      write(done + i, mine.subspan(extranonceOffset_, extranoncesLength()));
    }
    kernel.roots(roots.subspan(done * sizeof(Hash), count * sizeof(Hash)), job, blocks);
  }
}

void PreparedJob::WriteHeader(const Hash& root, std::uint32_t version, std::uint32_t ntime, std::uint32_t nonce,
                              std::span<std::uint8_t, 80> header) const {
  WriteLe32(header.subspan<0, 4>(), version);
  CopyBytes(header.subspan<4, 32>(), previousHash_);
  CopyBytes(header.subspan<36, 32>(), root);
  WriteLe32(header.subspan<68, 4>(), ntime);
  WriteLe32(header.subspan<72, 4>(), bits_);
  WriteLe32(header.subspan<76, 4>(), nonce);
}

}  // namespace penstock
