#pragma once

#include <map>
#include <set>

#include "fuzz.h"
#include "judge.h"
#include "reference.h"

// Jobs, judging and the window of seen hashes once more, with nothing prepared, cached or packed.
namespace penstock {

struct PlainJob {
  std::uint32_t version;
  Hash previousHash;
  std::uint32_t bits;
  std::uint32_t minTime;
  std::vector<std::uint8_t> coinbase1;
  std::vector<std::uint8_t> coinbase2;
  std::size_t extranonce2Length;
  std::vector<std::uint8_t> branch;
  Hash networkTarget;
  std::uint64_t tipNumber;

  PreparedJob Prepare(const Sha256Kernel& kernel) const {
    return {kernel,
            {.version = version,
             .previousHash = previousHash,
             .bits = bits,
             .minTime = minTime,
             .coinbase1 = coinbase1,
             .coinbase2 = coinbase2,
             .extranonce2Length = extranonce2Length,
             .merkleBranch = branch,
             .networkTarget = networkTarget,
             .tipNumber = tipNumber}};
  }

  std::array<std::uint8_t, 80> HeaderOf(const Submission& submission) const {
    std::vector<std::uint8_t> coinbase = coinbase1;
    coinbase.insert(coinbase.end(), submission.extranonce1.begin(), submission.extranonce1.end());
    for (std::size_t i = 0; i < extranonce2Length; i++) coinbase.push_back(submission.extranonce2[i]);
    coinbase.insert(coinbase.end(), coinbase2.begin(), coinbase2.end());
    Hash root = reference::Sha256d(coinbase);
    for (std::size_t at = 0; at < branch.size(); at += 32) {
      Hash element;
      CopyBytes(element, Bytes(branch).subspan(at, 32));
      root = reference::HashPair(root, element);
    }
    std::array<std::uint8_t, 80> header;
    const std::span<std::uint8_t, 80> out = header;
    WriteLe32(out.subspan<0, 4>(), submission.wholeVersion ? submission.version : version | submission.version);
    CopyBytes(out.subspan<4, 32>(), previousHash);
    CopyBytes(out.subspan<36, 32>(), root);
    WriteLe32(out.subspan<68, 4>(), submission.ntime);
    WriteLe32(out.subspan<72, 4>(), bits);
    WriteLe32(out.subspan<76, 4>(), submission.nonce);
    return header;
  }
};

class PlainWindow {
 public:
  explicit PlainWindow(std::size_t maxEntries) : maxEntries_(maxEntries) {}

  bool Contains(const SeenWindow::Tip& tip, const Hash& hash) {
    const auto group = groups_.find(tip.previousHash);
    if (group == groups_.end()) return false;
    group->second.newest = std::max(group->second.newest, tip.number);
    return group->second.hashes.contains(KeyOf(hash));
  }

  bool Insert(const SeenWindow::Tip& tip, const Hash& hash) {
    if (size() >= maxEntries_) return false;
    Group& group = groups_[tip.previousHash];
    group.newest = std::max(group.newest, tip.number);
    group.hashes.insert(KeyOf(hash));
    return true;
  }

  void ForgetBefore(std::uint64_t tipNumber) {
    forgottenBefore_ = std::max(forgottenBefore_, tipNumber);
    std::erase_if(groups_, [this](const auto& entry) { return entry.second.newest < forgottenBefore_; });
  }

  bool Forgotten(std::uint64_t tipNumber) const { return tipNumber < forgottenBefore_; }

  std::size_t size() const {
    std::size_t size = 0;
    for (const auto& [block, group] : groups_) size += group.hashes.size();
    return size;
  }

 private:
  struct Group {
    std::uint64_t newest = 0;
    std::set<Hash> hashes;
  };

  /// Its lower half; all zeros and a lone one are the same.
  static Hash KeyOf(Hash hash) {
    std::fill(hash.begin() + 16, hash.end(), std::uint8_t{0});
    if (hash == Hash{}) hash[0] = 1;
    return hash;
  }

  std::size_t maxEntries_;
  std::uint64_t forgottenBefore_ = 0;
  std::map<Hash, Group> groups_;
};

inline Refusal PlainDecision(const PlainJob& job, PlainWindow& seen, const Hash& hash, const Submission& submission) {
  const SeenWindow::Tip tip = {job.tipNumber, job.previousHash};
  if (seen.Contains(tip, hash)) return Refusal::kDuplicate;
  if (submission.stale || seen.Forgotten(job.tipNumber)) return Refusal::kStale;
  if (submission.ntime < std::max(job.minTime, submission.ntimeMin)) return Refusal::kNtimeOutOfRange;
  if (submission.ntime > submission.ntimeMax) return Refusal::kNtimeOutOfRange;
  const std::uint32_t masked = submission.version & submission.versionMask;
  const std::uint32_t allowed = submission.wholeVersion ? (job.version & ~submission.versionMask) | masked : masked;
  if (submission.version != allowed) return Refusal::kVersionBitsNotAllowed;
  if (!reference::LessOrEqual(hash, submission.target)) return Refusal::kLowDifficulty;
  return seen.Insert(tip, hash) ? Refusal::kNone : Refusal::kWindowFull;
}

}  // namespace penstock
