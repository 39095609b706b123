#pragma once

#include <optional>
#include <string>
#include <utility>

#include "intake.h"
#include "plain_judge.h"

// What a connection sends, in any pieces and into any buffers, judged one by one by plain code: the native way of each
// protocol answers and records the same, and stops where it must.
namespace penstock {

/// In front of what is sent; one byte decides about each thing.
struct IntakeSetting {
  /// Its bits say as well which jobs are solo.
  std::uint8_t maxEntries;
  std::size_t journalRoom;
  std::size_t answerRoom;
  std::uint8_t oldestJob;
  /// Two bits a grant: see PlainTarget.
  std::uint8_t targets;
  std::uint8_t networkTargets;
  std::uint8_t tags;
  /// What happens before each read.
  std::array<std::uint8_t, 8> changes;

  bool IsSolo(std::size_t place) const { return (maxEntries >> place & 1) != 0; }
};

inline IntakeSetting MakeSetting(Input& input) {
  return {.maxEntries = input.Byte(),
          .journalRoom = input.UpTo(3 * kMaxRecordLength),
          .answerRoom = input.UpTo(400),
          .oldestJob = input.Byte(),
          .targets = input.Byte(),
          .networkTargets = input.Byte(),
          .tags = input.Byte(),
          .changes = input.Fixed<8>()};
}

/// 0: none meets it; 1: half of all hashes; 2: one in sixteen; 3: all.
inline Hash PlainTarget(std::uint8_t choices, std::size_t place) {
  Hash target;
  target.fill(0xff);
  const std::array<std::uint8_t, 4> tops = {0, 0x7f, 0x0f, 0xff};
  target[31] = tops[choices >> (2 * place) & 3];
  if (target[31] == 0) target.fill(0);
  return target;
}

inline PlainJob MakePlainJob(const IntakeSetting& setting, std::size_t place, std::uint8_t salt,
                             std::size_t extranonce2Length = kExtranonce2Length) {
  return {.version = 0x20000000,
          .previousHash = {static_cast<std::uint8_t>(place / 2)},
          .bits = 0x1d00ffff,
          .minTime = 0x60000000,
          .coinbase1 = std::vector<std::uint8_t>(40 + 20 * place, salt),
          .coinbase2 = std::vector<std::uint8_t>(90, 0xc2),
          .extranonce2Length = extranonce2Length,
          .branch = std::vector<std::uint8_t>(32 * place, 0xb1),
          // The other way round: all means blocks only.
          .networkTarget = PlainTarget(setting.networkTargets, place),
          .tipNumber = place / 2};
}

/// What was granted, and to whom.
struct PlainGrant {
  PlainJob job;
  Hash target;
  bool solo;
  std::uint32_t tag;
};

/// One submission as plain code sees it.
struct PlainSubmission {
  std::string id;
  const PlainGrant* granted;
  std::string account;
  std::string worker;
  Submission submission;
  Hash hash;
};

class PlainReading {
 public:
  static constexpr std::uint32_t kNtimeMax = 0x70000000;
  static constexpr std::array<std::uint8_t, 16> kWork = {9};
  static constexpr std::uint32_t kHeight = 800'000;

  PlainReading(const Sha256Kernel& kernel, const IntakeSetting& setting, Bytes sent)
      : setting_(setting),
        sent_(sent),
        window_(std::make_shared<SeenWindow>(setting.maxEntries, SeenWindow::Seed{1, 2})),
        intake_{kernel, window_, {}, {}, {}},
        plainWindow_(setting.maxEntries) {}
  virtual ~PlainReading() = default;

  void Run() {
    for (std::size_t round = 0; at_ < sent_.size() && round < 200; round++) {
      const std::size_t visible = Change(setting_.changes[round % setting_.changes.size()]);
      const std::size_t before = at_;
      if (Read(visible)) {
        if (at_ == before) return;  // no room for a single one
      } else if (const auto end = MessageEnd(sent_.first(visible), at_)) {
        at_ = *end;  // JavaScript's
      } else if (visible == sent_.size()) {
        return;
      }
    }
  }

 protected:
  /// What is granted may change.
  virtual void ChangeGrants(std::uint8_t change) = 0;
  /// Behind the message that begins at `at`, if it is whole.
  virtual std::optional<std::size_t> MessageEnd(Bytes bytes, std::size_t at) const = 0;
  /// A whole message, if it is a submission that is granted; without its hash.
  virtual std::optional<PlainSubmission> Look(Bytes message) const = 0;
  virtual ReadOutcome Take(const ReadTask& task) = 0;
  /// Hears of each that was taken, in order.
  virtual void Taken(const PlainSubmission& seen, Refusal refusal, const ReadOutcome& outcome) = 0;
  /// What must have been answered since the last time.
  virtual std::string TakeExpectedAnswers() = 0;
  /// Whether the next one fits behind what was taken, as far as records have room.
  virtual bool Fits(const PlainSubmission& next, const ReadOutcome& outcome, std::size_t answerRoom) const = 0;

  const IntakeSetting& setting_;
  const Bytes sent_;
  const std::shared_ptr<SeenWindow> window_;
  Intake intake_;

 private:
  static constexpr std::uint32_t kEpoch = 7;
  static constexpr std::uint64_t kTimeMs = 1'700'000'000'000;

  /// Grants may change, and only a part of what is sent may have come.
  std::size_t Change(std::uint8_t change) {
    ChangeGrants(change);
    return change % 16 == 5 ? std::min(sent_.size(), at_ + change) : sent_.size();
  }

  /// The submission at `at`, if the native way is to take it.
  std::optional<PlainSubmission> LookAt(std::size_t at, std::size_t end) const {
    auto seen = Look(sent_.subspan(at, end - at));
    if (!seen.has_value()) return std::nullopt;
    seen->hash = reference::Sha256d(seen->granted->job.HeaderOf(seen->submission));
    if (reference::LessOrEqual(seen->hash, seen->granted->job.networkTarget)) return std::nullopt;
    return seen;
  }

  bool Read(std::size_t visible) {
    // In blocks of exactly their sizes.
    const std::vector<std::uint8_t> bytes(sent_.begin(), sent_.begin() + static_cast<std::ptrdiff_t>(visible));
    std::vector<std::uint8_t> journal(setting_.journalRoom);
    std::vector<std::uint8_t> answers(setting_.answerRoom);
    const ReadOutcome outcome = Take({.bytes = bytes,
                                      .from = at_,
                                      .oldestJob = setting_.oldestJob,
                                      .timeMs = kTimeMs,
                                      .ntimeMax = kNtimeMax,
                                      .journal = journal,
                                      .epoch = kEpoch,
                                      .sequence = sequence_,
                                      .index = 3,
                                      .answers = answers});
    CheckTaken(outcome, journal, answers);
    CheckStop(outcome, visible);
    sequence_ += outcome.records;
    return outcome.again;
  }

  /// One by one up to what was taken.
  void CheckTaken(const ReadOutcome& outcome, Bytes journal, Bytes answers) {
    CHECK(outcome.taken >= at_ && outcome.journalBytes <= journal.size() && outcome.answerBytes <= answers.size());
    std::vector<std::uint8_t> expectedRecords;
    std::array<std::uint32_t, kRefusalCount> refused = {};
    std::uint32_t records = 0;
    while (at_ < outcome.taken) {
      const auto end = MessageEnd(sent_.first(outcome.taken), at_);
      CHECK(end.has_value());
      const auto seen = LookAt(at_, *end);
      CHECK(seen.has_value());
      const Refusal refusal = PlainDecision(seen->granted->job, plainWindow_, seen->hash, seen->submission);
      CHECK(refusal != Refusal::kWindowFull);
      if (refusal == Refusal::kNone) {
        AppendRecord(expectedRecords, *seen, records++);
      } else {
        refused[static_cast<std::size_t>(refusal)]++;
      }
      Taken(*seen, refusal, outcome);
      at_ = *end;
    }
    CHECK(outcome.records == records && outcome.refused == refused);
    CHECK(std::ranges::equal(answers.first(outcome.answerBytes), TakeExpectedAnswers(), {}, {},
                             [](char character) { return static_cast<std::uint8_t>(character); }));
    CHECK(std::ranges::equal(journal.first(outcome.journalBytes), expectedRecords));
    CHECK(window_->size() == plainWindow_.size());
  }

  void AppendRecord(std::vector<std::uint8_t>& records, const PlainSubmission& seen, std::uint32_t number) {
    const ShareRecord record = {.epoch = kEpoch,
                                .sequence = sequence_ + number,
                                .index = 3 + number,
                                .timeMs = kTimeMs,
                                .hash = seen.hash,
                                .target = seen.granted->target,
                                .work = kWork,
                                .height = kHeight,
                                .protocol = seen.submission.wholeVersion ? Protocol::kV2 : Protocol::kV1,
                                .solo = seen.granted->solo,
                                .account = seen.account,
                                .worker = seen.worker};
    std::vector<std::uint8_t> bytes(ShareRecordLength(record.account, record.worker));
    CHECK(WriteShareRecord(bytes, record) == bytes.size());
    records.insert(records.end(), bytes.begin(), bytes.end());
  }

  /// It stopped because the next one is not for it, or for want of room, or because a new run of records begins.
  void CheckStop(const ReadOutcome& outcome, std::size_t visible) const {
    const auto end = MessageEnd(sent_.first(visible), at_);
    const auto next = end.has_value() ? LookAt(at_, *end) : std::nullopt;
    if (!outcome.again) {
      CHECK(!next.has_value() || MeetsFullWindow(*next));
      return;
    }
    if (!next.has_value()) return;
    const std::size_t journalRoom = setting_.journalRoom - outcome.journalBytes;
    const bool recordFits = journalRoom >= ShareRecordLength(next->account, next->worker);
    CHECK(!recordFits || !Fits(*next, outcome, setting_.answerRoom - outcome.answerBytes));
  }

  bool MeetsFullWindow(const PlainSubmission& next) const {
    PlainWindow copy = plainWindow_;
    return PlainDecision(next.granted->job, copy, next.hash, next.submission) == Refusal::kWindowFull;
  }

  PlainWindow plainWindow_;
  std::size_t at_ = 0;
  std::uint64_t sequence_ = 100;
};

}  // namespace penstock
