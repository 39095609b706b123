#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "judge.h"
#include "submit_line.h"

namespace penstock {

/// Submissions of one connection that JavaScript has judged once, and whose like may now be judged here.
///
/// A lane never decides who may submit what: JavaScript grants it a job under one name with the target in force, and a
/// user name with the names it is credited under, after it let a submission with both through to the judge; it takes all
/// back whenever something changes that its decision rested on. What was not granted goes to JavaScript.
class Lane {
 public:
  /// What all jobs of a lane have in common; another one takes all jobs back.
  struct Terms {
    std::array<std::uint8_t, kExtranonce1Length> extranonce1;
    std::uint32_t versionMask;
    bool operator==(const Terms&) const = default;
  };

  struct Job {
    JobName name;
    /// With V1's extranonce2.
    std::shared_ptr<const PreparedJob> prepared;
    Hash target;
    /// Credited for a share: u128, little-endian.
    std::array<std::uint8_t, 16> work;
    std::uint32_t height;
    /// Whether shares are of solo work: their records say so.
    bool solo;
    /// JavaScript's name for target and difficulty, given back with each run of accepted shares.
    std::uint32_t tag;
  };

  /// Strings of at most kMaxRecordText bytes.
  struct Worker {
    std::string account;
    std::string worker;
  };

  void GrantJob(const Terms& terms, Job job);
  void GrantWorker(std::string user, Worker worker);
  void Forget();

  const Terms& terms() const { return terms_; }
  const Job* FindJob(const JobName& name) const;
  const Worker* FindWorker(Bytes user);

  /// The last root: devices roll nonce, time and version before they change extranonce2.
  struct Root {
    const PreparedJob* job = nullptr;
    std::array<std::uint8_t, kExtranonce2Length> extranonce2;
    Hash hash;
  };
  Root lastRoot;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Workers = std::unordered_map<std::string, Worker, TextHash, std::equal_to<>>;

  /// To be called whenever a job goes: another may come to lie at its address.
  void ForgetRoot() { lastRoot.job = nullptr; }

  Terms terms_ = {};
  /// Newest last.
  std::vector<Job> jobs_;
  Workers workers_;
  const Workers::value_type* lastWorker_ = nullptr;
};

/// What every worker process has one of.
struct Intake {
  const Sha256Kernel& kernel;
  std::shared_ptr<SeenWindow> seen;
  /// What follows the id in the answer to an accepted share, and to one refused, by Refusal.
  std::string acceptedTail;
  std::array<std::string, kRefusalCount> refusalTails;
};

struct ReadTask {
  /// Bytes of one connection; those from `from` on begin with a line.
  Bytes bytes;
  std::size_t from;
  /// Jobs of lower numbers are not held any more.
  std::uint64_t oldestJob;
  std::uint64_t timeMs;
  std::uint32_t ntimeMax;
  /// Where records go, and how the first of them is called: see ShareRecord.
  std::span<std::uint8_t> journal;
  std::uint32_t epoch;
  std::uint64_t sequence;
  std::uint32_t index;
  /// Where answers go.
  std::span<std::uint8_t> answers;
};

struct ReadOutcome {
  /// Everything before was taken; here a line begins that JavaScript is to look at, or that is not complete.
  std::size_t taken = 0;
  /// There is more to take, but not with these buffers, or not in one run of records.
  bool again = false;
  std::uint32_t records = 0;
  std::size_t journalBytes = 0;
  std::size_t answerBytes = 0;
  /// Lane::Job::tag of all records.
  std::uint32_t tag = 0;
  /// How many were refused, by Refusal.
  std::array<std::uint32_t, kRefusalCount> refused = {};
};

/// Takes the submissions at the front of what a connection sent, for as long as they are usual, granted, no blocks, and
/// the window has room: judges them, remembers accepted ones in the window, writes their records and the answers to all, in order.
ReadOutcome TakeSubmits(const Intake& intake, Lane& lane, const ReadTask& task);

}  // namespace penstock
