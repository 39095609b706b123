#include "job.h"

#include <algorithm>

namespace penstock {
namespace {

/// Coinbases that are hashed side by side: as many as the widest kernel has lanes.
constexpr std::size_t kAtOnce = 16;
constexpr std::size_t kExtranonceLength = kExtranonce1Length + kExtranonce2Length;

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
      previousHash_(CopyHash(parts.previousHash)),
      networkTarget_(CopyHash(parts.networkTarget)),
      extranonceOffset_(parts.coinbase1.size() % 64),
      merkleBranch_(parts.merkleBranch.begin(), parts.merkleBranch.end()) {
  const std::size_t whole = parts.coinbase1.size() - extranonceOffset_;
  kernel.compress(midstate_, parts.coinbase1.first(whole));

  const Bytes start = parts.coinbase1.subspan(whole);
  std::vector<std::uint8_t> tail(start.begin(), start.end());
  tail.resize(tail.size() + kExtranonceLength);
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
  const RootJob job = {midstate_, ownBlocks_.size() / 64, commonBlocks_, merkleBranch_};
  std::array<std::uint8_t, kAtOnce * 128> own;
  while (!choices.empty()) {
    const std::size_t count = std::min(choices.size(), kAtOnce);
    const std::span<std::uint8_t> blocks = std::span(own).first(count * ownBlocks_.size());
    for (std::size_t i = 0; i < count; i++) {
      WriteOwnBlocks(choices[i], blocks.subspan(i * ownBlocks_.size(), ownBlocks_.size()));
    }
    kernel.roots({roots.front().data(), count * sizeof(Hash)}, job, blocks);
    choices = choices.subspan(count);
    roots = roots.subspan(count);
  }
}

void PreparedJob::WriteOwnBlocks(const Extranonces& choice, std::span<std::uint8_t> blocks) const {
  CopyBytes(blocks, ownBlocks_);
  const std::span<std::uint8_t> place = blocks.subspan(extranonceOffset_, kExtranonceLength);
  CopyBytes(place.first<kExtranonce1Length>(), choice.extranonce1);
  CopyBytes(place.last<kExtranonce2Length>(), choice.extranonce2);
}

void PreparedJob::WriteHeader(const Hash& root, std::uint32_t versionBits, std::uint32_t ntime, std::uint32_t nonce,
                              std::span<std::uint8_t, 80> header) const {
  WriteLe32(header.subspan<0, 4>(), version_ | versionBits);
  CopyBytes(header.subspan<4, 32>(), previousHash_);
  CopyBytes(header.subspan<36, 32>(), root);
  WriteLe32(header.subspan<68, 4>(), ntime);
  WriteLe32(header.subspan<72, 4>(), bits_);
  WriteLe32(header.subspan<76, 4>(), nonce);
}

}  // namespace penstock
