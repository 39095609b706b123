#include "job.h"

#include <algorithm>

#include "merkle.h"

namespace penstock {
namespace {

constexpr std::size_t kExtranonceLength = kExtranonce1Length + kExtranonce2Length;

Hash CopyHash(FixedBytes<32> bytes) {
  Hash hash;
  CopyBytes(hash, bytes);
  return hash;
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
  tail_.assign(start.begin(), start.end());
  tail_.resize(tail_.size() + kExtranonceLength);
  tail_.insert(tail_.end(), parts.coinbase2.begin(), parts.coinbase2.end());

  const std::uint64_t coinbaseLength = whole + tail_.size();
  const std::size_t wholeTail = tail_.size() - tail_.size() % 64;
  std::array<std::uint8_t, 128> padded;
  const std::size_t paddedLength = PadLastBlock(padded, Bytes(tail_).subspan(wholeTail), coinbaseLength);
  tail_.resize(wholeTail);
  tail_.insert(tail_.end(), padded.begin(), padded.begin() + static_cast<std::ptrdiff_t>(paddedLength));
}

Hash PreparedJob::Root(const Sha256Kernel& kernel, const Extranonces& choice) const {
  return MerkleRoot(kernel, CoinbaseTxid(kernel, choice), merkleBranch_);
}

void PreparedJob::Roots(const Sha256Kernel& kernel, std::span<const Extranonces> choices,
                        std::span<Hash> roots) const {
  for (std::size_t i = 0; i < choices.size(); i++) roots[i] = Root(kernel, choices[i]);
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

Hash PreparedJob::CoinbaseTxid(const Sha256Kernel& kernel, const Extranonces& choice) const {
  // Only the blocks that the extranonces touch are copied; the rest is hashed where it lies.
  std::array<std::uint8_t, 128> touched;
  const Bytes head = Bytes(tail_).first(std::min(tail_.size(), touched.size()));
  CopyBytes(touched, head);
  const std::span<std::uint8_t> place = std::span(touched).subspan(extranonceOffset_, kExtranonceLength);
  CopyBytes(place.first<kExtranonce1Length>(), choice.extranonce1);
  CopyBytes(place.last<kExtranonce2Length>(), choice.extranonce2);

  Sha256State state = midstate_;
  kernel.compress(state, Bytes(touched).first(head.size()));
  kernel.compress(state, Bytes(tail_).subspan(head.size()));
  return Sha256(kernel, DigestOf(state));
}

}  // namespace penstock
