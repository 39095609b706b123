#pragma once

#include <vector>

#include "sha256.h"

namespace penstock {

inline constexpr std::size_t kExtranonce1Length = 4;
/// V1's.
inline constexpr std::size_t kExtranonce2Length = 8;
/// What a V2 channel may ask for: no job has a longer one.
inline constexpr std::size_t kWideExtranonce2Length = 16;
/// A block's transactions without witness fit in a million bytes; a coinbase half is never longer.
inline constexpr std::size_t kMaxCoinbasePartLength = 1'000'000;
/// 2^32 transactions: far more than any block.
inline constexpr std::size_t kMaxBranchElements = 32;

/// What a job is made of; the spans are copied.
struct JobParts {
  std::uint32_t version;
  FixedBytes<32> previousHash;
  std::uint32_t bits;
  std::uint32_t minTime;
  /// The coinbase without witness, cut where the extranonces go.
  Bytes coinbase1;
  Bytes coinbase2;
  /// One of the two lengths above.
  std::size_t extranonce2Length;
  /// Elements of 32 bytes back to back.
  Bytes merkleBranch;
  FixedBytes<32> networkTarget;
  std::uint64_t tipNumber;
};

/// Room for the longest; of a job with a shorter one the first bytes count.
using Extranonce2 = std::array<std::uint8_t, kWideExtranonce2Length>;

inline Extranonce2 Widened(const std::array<std::uint8_t, kExtranonce2Length>& extranonce2) {
  Extranonce2 wide = {};
  CopyBytes(wide, extranonce2);
  return wide;
}

/// What a miner chooses in the coinbase.
struct Extranonces {
  std::array<std::uint8_t, kExtranonce1Length> extranonce1;
  Extranonce2 extranonce2;
};

/// A job made ready for judging: constant, and hashing it for a share allocates nothing.
class PreparedJob {
 public:
  /// Lengths must be within the bounds above.
  PreparedJob(const Sha256Kernel& kernel, const JobParts& parts);

  /// Merkle root of a miner's choice.
  Hash Root(const Sha256Kernel& kernel, const Extranonces& choice) const;
  /// The same for many, which are as many as there are roots.
  void Roots(const Sha256Kernel& kernel, std::span<const Extranonces> choices, std::span<Hash> roots) const;

  /// The same for choices as they stand in coinbases, back to back, each of extranoncesLength() bytes; 32 for each root.
  void Roots(const Sha256Kernel& kernel, Bytes choices, std::span<std::uint8_t> roots) const;

  /// Writes the header over a root: it stays the same while the extranonces do.
  void WriteHeader(const Hash& root, std::uint32_t version, std::uint32_t ntime, std::uint32_t nonce,
                   std::span<std::uint8_t, 80> header) const;

  std::uint32_t version() const { return version_; }
  const Hash& previousHash() const { return previousHash_; }
  const Hash& networkTarget() const { return networkTarget_; }
  std::uint32_t minTime() const { return minTime_; }
  std::uint64_t tipNumber() const { return tipNumber_; }
  std::size_t extranonce2Length() const { return wide_ ? kWideExtranonce2Length : kExtranonce2Length; }
  std::size_t extranoncesLength() const { return kExtranonce1Length + extranonce2Length(); }

 private:
  /// As many as `roots` has room for; write(i, place) puts down the choice of the i-th.
  template <typename Write>
  void HashRoots(const Sha256Kernel& kernel, Write write, std::span<std::uint8_t> roots) const;

  std::uint32_t version_;
  std::uint32_t bits_;
  std::uint32_t minTime_;
  std::uint64_t tipNumber_;
  bool wide_;
  Hash previousHash_;
  Hash networkTarget_;
  /// State after the whole blocks of coinbase1.
  Sha256State midstate_ = kSha256Initial;
  /// The blocks behind them that the extranonces touch, zeros in their place: one or two, since 63 + 20 bytes fit two.
  std::vector<std::uint8_t> ownBlocks_;
  /// Where the extranonces go there: less than 64.
  std::size_t extranonceOffset_;
  /// The rest of the coinbase and the padding, four times their size.
  std::vector<Sha256Schedule> commonBlocks_;
  std::vector<std::uint8_t> merkleBranch_;
};

}  // namespace penstock
