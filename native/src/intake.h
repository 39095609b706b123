#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "granted_jobs.h"
#include "judge.h"
#include "share_record.h"

// The native way of shares: what every protocol's has in common. How submissions are cut out of what a connection
// sends, and how they are answered, is in line_lane.h and frame_lane.h.
//
// A lane never decides who may submit what: JavaScript grants it jobs, each under one name and with the target in
// force, after it let a submission through to the judge; it takes them back whenever something changes that its
// decision rested on. What was not granted goes to JavaScript.
namespace penstock {

/// What every worker process has one of.
struct Intake {
  const Sha256Kernel& kernel;
  std::shared_ptr<SeenWindow> seen;
  /// What follows the id in V1's answer to an accepted share, and to one refused, by Refusal.
  std::string acceptedTail;
  std::array<std::string, kRefusalCount> refusalTails;
  /// What SubmitShares.Error of V2 says, by Refusal: at most 255 bytes.
  std::array<std::string, kRefusalCount> errorCodes;
};

struct ReadTask {
  /// Bytes of one connection; those from `from` on begin with a message.
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
  /// Everything before was taken; here a message begins that JavaScript is to look at, or that is not complete.
  std::size_t taken = 0;
  /// There is more to take, but not with these buffers, or not in one run of records.
  bool again = false;
  std::uint32_t records = 0;
  std::size_t journalBytes = 0;
  std::size_t answerBytes = 0;
  /// Of all records, in V1.
  std::uint32_t tag = 0;
  /// How many were refused, by Refusal.
  std::array<std::uint32_t, kRefusalCount> refused = {};
};

/// One submission, whatever it was cut from.
struct Submitted {
  /// Bytes of its message.
  std::size_t length;
  /// By what it is answered, as it stands in the message.
  Bytes id;
  const MinerTerms* terms;
  GrantedJob* job;
  Extranonce2 extranonce2;
  std::uint32_t ntime;
  std::uint32_t nonce;
  /// The header's, and what of it must lie within the mask: see Claim.
  std::uint32_t version;
  std::uint32_t versionBits;
  /// At most kMaxRecordText bytes each.
  std::string_view account;
  std::string_view worker;
};

/// One protocol's way of submitting, for one read.
class Submissions {
 public:
  /// Reads the submission at the front of `bytes`; false unless it is a usual one, whole, and granted.
  virtual bool Cut(Bytes bytes, Submitted& submitted) = 0;
  /// Whether it can be answered, whatever becomes of it, and its record can follow those before.
  virtual bool HasRoom(const Submitted& submitted) const = 0;
  virtual void Answer(const Submitted& submitted, Refusal refusal) = 0;
  virtual std::size_t answerBytes() const = 0;

 protected:
  ~Submissions() = default;
};

/// Takes submissions at the front of what a connection sent, for as long as they are usual, granted, no blocks, and the
/// window has room: judges them side by side, remembers accepted ones in the window, writes their records, and has all
/// answered in order. Leaves `tag` of the outcome as it is.
ReadOutcome TakeAll(const Intake& intake, Protocol protocol, Submissions& submissions, const ReadTask& task);

}  // namespace penstock
