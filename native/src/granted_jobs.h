#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "job.h"

namespace penstock {

/// What all jobs that are granted to one miner have in common.
struct MinerTerms {
  std::array<std::uint8_t, kExtranonce1Length> extranonce1;
  std::uint32_t versionMask;
  bool operator==(const MinerTerms&) const = default;
};

/// A job that one miner may submit for, with the target in force.
struct GrantedJob {
  /// What the miner calls it, as its protocol reads that.
  std::uint64_t name;
  /// The pool's own: jobs are retired in their order.
  std::uint64_t number;
  std::shared_ptr<const PreparedJob> prepared;
  /// Of shares that bring none.
  std::optional<Extranonce2> extranonce2;
  /// The lowest that the miner was told, where that is above the job's own; else 0.
  std::uint32_t ntimeMin;
  Hash target;
  /// Credited for a share: u128, little-endian.
  std::array<std::uint8_t, 16> work;
  std::uint32_t height;
  /// Whether shares are of solo work: their records say so.
  bool solo;
  /// JavaScript's name for what accepted shares are credited by; it comes back with them.
  std::uint32_t tag;

  /// The last one: devices roll nonce, time and version before they change extranonce2, if they have one at all.
  struct Root {
    Extranonce2 extranonce2;
    Hash hash;
  };
  std::optional<Root> lastRoot = {};
};

/// Jobs granted to one miner: it works on the newest, and finishes what it has of the one before.
class GrantedJobs {
 public:
  static constexpr std::size_t kMax = 4;

  /// Takes the place of one of the same name; where there is no room, the oldest goes.
  void Grant(GrantedJob job);
  void Clear() { jobs_.clear(); }
  /// Valid until the next grant; nullptr if there is none.
  GrantedJob* Find(std::uint64_t name);

 private:
  /// Newest last.
  std::vector<GrantedJob> jobs_;
};

}  // namespace penstock
