// What a connection sends, in any pieces and into any buffers: the intake answers and records what plain code does line by
// line, and stops where it must.
#include "intake.h"

#include <deque>
#include <string>

#include "plain_judge.h"
#include "share_record.h"

namespace penstock {
namespace {

constexpr std::uint32_t kMinTime = 0x60000000;
constexpr std::uint32_t kNtimeMax = 0x70000000;
constexpr std::uint32_t kEpoch = 7;
constexpr std::uint64_t kTimeMs = 1'700'000'000'000;
constexpr std::size_t kLongestTail = 40;
const std::vector<JobName> kNames = {{1, 0}, {1, 1}, {2, 0}, {0x1234567890, 0xff}};

/// In front of the text; one byte decides about each thing.
struct Setting {
  /// Its bits say as well which jobs are solo.
  std::uint8_t maxEntries;
  std::size_t journalRoom;
  std::size_t answerRoom;
  std::uint8_t oldestJob;
  /// Two bits a job.
  std::uint8_t targets;
  std::uint8_t networkTargets;
  std::uint8_t tags;
  /// What happens before each read: see Reading::Change.
  std::array<std::uint8_t, 8> changes;
};

Setting MakeSetting(Input& input) {
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
Hash TargetOf(std::uint8_t choices, std::size_t job) {
  Hash target;
  target.fill(0xff);
  const std::array<std::uint8_t, 4> tops = {0, 0x7f, 0x0f, 0xff};
  target[31] = tops[choices >> (2 * job) & 3];
  if (target[31] == 0) target.fill(0);
  return target;
}

PlainJob MakeJob(const Setting& setting, std::size_t place, std::uint8_t salt) {
  PlainJob job = {.version = 0x20000000,
                  .previousHash = {static_cast<std::uint8_t>(place / 2)},
                  .bits = 0x1d00ffff,
                  .minTime = kMinTime,
                  .coinbase1 = std::vector<std::uint8_t>(40 + 20 * place, salt),
                  .coinbase2 = std::vector<std::uint8_t>(90, 0xc2),
                  .extranonce2Length = kExtranonce2Length,
                  .branch = std::vector<std::uint8_t>(32 * place, 0xb1),
                  // The other way round: all means blocks only.
                  .networkTarget = TargetOf(setting.networkTargets, place),
                  .tipNumber = place / 2};
  return job;
}

std::string TailOf(std::size_t refusal) { return ",\"tail\":" + std::string(refusal, '*') + "}\n"; }

class Reading {
 public:
  Reading(const Sha256Kernel& kernel, const Setting& setting, Bytes text)
      : setting_(setting),
        text_(text),
        window_(std::make_shared<SeenWindow>(setting.maxEntries, SeenWindow::Seed{1, 2})),
        intake_{kernel, window_, TailOf(0), {}},
        plainWindow_(setting.maxEntries) {
    for (std::size_t i = 0; i < kRefusalCount; i++) intake_.refusalTails[i] = TailOf(i);
    for (std::size_t place = 0; place < kNames.size(); place++) Grant(place, 0);
    for (const char* user : {"rig", "bc1qaddress.rig", "x"}) {
      lane_.GrantWorker(user, {std::string("account of ") + user, user});
      workers_[user] = std::string("account of ") + user;
    }
  }

  void Run() {
    for (std::size_t round = 0; at_ < text_.size() && round < 200; round++) {
      const std::size_t visible = Change(setting_.changes[round % setting_.changes.size()]);
      const std::size_t before = at_;
      if (Read(visible)) {
        if (at_ == before) return;  // no room for a single one
      } else if (const auto end = LineEnd(at_, visible)) {
        at_ = *end + 1;  // JavaScript's
      } else if (visible == text_.size()) {
        return;
      }
    }
  }

 private:
  /// A job may become another under the same name, all may be taken back, and only a part of the text may have come.
  std::size_t Change(std::uint8_t change) {
    const std::size_t place = change / 16 % kNames.size();
    if (change % 16 == 1) Grant(place, change);
    if (change % 16 == 3) {
      lane_.Forget();
      jobs_.clear();
    }
    if (change % 16 != 5) return text_.size();
    return std::min(text_.size(), at_ + change);
  }

  /// In the place of the one before, as memory that was freed is used again; or where nothing else was.
  std::shared_ptr<const PreparedJob> Prepare(const PlainJob& job, std::size_t place, bool elsewhere) {
    if (elsewhere) return std::make_shared<const PreparedJob>(job.Prepare(intake_.kernel));
    return {std::shared_ptr<void>(), &prepared_[place].emplace(job.Prepare(intake_.kernel))};
  }

  void Grant(std::size_t place, std::uint8_t salt) {
    const JobName name = kNames[place];
    const PlainJob job = MakeJob(setting_, place, salt);
    const Hash target = TargetOf(setting_.targets, place);
    const std::uint32_t tag = setting_.tags >> place & 1;
    const Lane::Terms terms = {{1, 2, 3, 4}, 0x1fffe000};
    const bool elsewhere = (salt & 0x40) != 0;
    const bool solo = (setting_.maxEntries >> place & 1) != 0;
    lane_.GrantJob(terms, {name, Prepare(job, place, elsewhere), target, {9}, 800'000, solo, tag});
    std::erase_if(jobs_, [&name](const Granted& granted) { return granted.name == name; });
    jobs_.push_back({name, job, target, solo, tag});
  }

  struct Granted {
    JobName name;
    PlainJob job;
    Hash target;
    bool solo;
    std::uint32_t tag;
  };

  /// One line as plain code sees it.
  struct Seen {
    SubmitLine submit;
    const Granted* granted;
    std::string account;
    std::string worker;
    Submission submission;
    Hash hash;
  };

  /// The line at `at`, if the intake is to take it.
  std::optional<Seen> Look(std::size_t at, std::size_t end) const {
    const auto line = text_.subspan(at, end - at);
    const auto submit = ParseSubmitLine(line);
    if (!submit.has_value() || submit->job.number < setting_.oldestJob) return std::nullopt;
    const auto granted = std::ranges::find(jobs_, submit->job, &Granted::name);
    const auto worker = workers_.find(std::string(submit->user.begin(), submit->user.end()));
    if (granted == jobs_.end() || worker == workers_.end()) return std::nullopt;
    const Submission submission = {.extranonce1 = {1, 2, 3, 4},
                                   .extranonce2 = Widened(submit->extranonce2),
                                   .ntime = submit->ntime,
                                   .nonce = submit->nonce,
                                   .version = submit->versionBits,
                                   .versionMask = 0x1fffe000,
                                   .stale = false,
                                   .wholeVersion = false,
                                   .ntimeMin = 0,
                                   .ntimeMax = kNtimeMax,
                                   .target = granted->target};
    const Hash hash = reference::Sha256d(granted->job.HeaderOf(submission));
    if (reference::LessOrEqual(hash, granted->job.networkTarget)) return std::nullopt;
    return Seen{*submit, &*granted, worker->second, worker->first, submission, hash};
  }

  std::optional<std::size_t> LineEnd(std::size_t at, std::size_t visible) const {
    const auto newline = std::find(text_.begin() + static_cast<std::ptrdiff_t>(at),
                                   text_.begin() + static_cast<std::ptrdiff_t>(visible), '\n');
    const auto end = static_cast<std::size_t>(newline - text_.begin());
    return end == visible ? std::nullopt : std::optional(end);
  }

  bool Read(std::size_t visible) {
    // In blocks of exactly their sizes.
    const std::vector<std::uint8_t> bytes(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(visible));
    std::vector<std::uint8_t> journal(setting_.journalRoom);
    std::vector<std::uint8_t> answers(setting_.answerRoom);
    const ReadOutcome outcome = TakeSubmits(intake_, lane_,
                                            {.bytes = bytes,
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

  /// Line by line up to what was taken.
  void CheckTaken(const ReadOutcome& outcome, Bytes journal, Bytes answers) {
    CHECK(outcome.taken >= at_ && outcome.journalBytes <= journal.size() && outcome.answerBytes <= answers.size());
    std::string expectedAnswers;
    std::vector<std::uint8_t> expectedRecords;
    std::array<std::uint32_t, kRefusalCount> refused = {};
    std::uint32_t records = 0;
    while (at_ < outcome.taken) {
      const auto end = LineEnd(at_, outcome.taken);
      CHECK(end.has_value());
      const auto seen = Look(at_, *end);
      CHECK(seen.has_value());
      const Refusal refusal = PlainDecision(seen->granted->job, plainWindow_, seen->hash, seen->submission);
      CHECK(refusal != Refusal::kWindowFull);
      if (refusal == Refusal::kNone) {
        CHECK(outcome.tag == seen->granted->tag);
        AppendRecord(expectedRecords, *seen, records++);
      } else {
        refused[static_cast<std::size_t>(refusal)]++;
      }
      expectedAnswers += "{\"id\":" + std::string(seen->submit.id.begin(), seen->submit.id.end());
      expectedAnswers += TailOf(static_cast<std::size_t>(refusal));
      at_ = *end + 1;
    }
    CHECK(outcome.records == records && outcome.refused == refused);
    CHECK(std::ranges::equal(answers.first(outcome.answerBytes), expectedAnswers));
    CHECK(std::ranges::equal(journal.first(outcome.journalBytes), expectedRecords));
    CHECK(window_->size() == plainWindow_.size());
  }

  void AppendRecord(std::vector<std::uint8_t>& records, const Seen& seen, std::uint32_t number) {
    const std::array<std::uint8_t, 16> work = {9};
    const ShareRecord record = {.epoch = kEpoch,
                                .sequence = sequence_ + number,
                                .index = 3 + number,
                                .timeMs = kTimeMs,
                                .hash = seen.hash,
                                .target = seen.granted->target,
                                .work = work,
                                .height = 800'000,
                                .protocol = Protocol::kV1,
                                .solo = seen.granted->solo,
                                .account = seen.account,
                                .worker = seen.worker};
    std::vector<std::uint8_t> bytes(ShareRecordLength(record.account, record.worker));
    CHECK(WriteShareRecord(bytes, record) == bytes.size());
    records.insert(records.end(), bytes.begin(), bytes.end());
  }

  /// It stopped because the next line is not for it, or for want of room, or because a new run of records begins.
  void CheckStop(const ReadOutcome& outcome, std::size_t visible) const {
    const auto end = LineEnd(at_, visible);
    const auto next = end.has_value() ? Look(at_, *end) : std::nullopt;
    if (!outcome.again) {
      CHECK(!next.has_value() || MeetsFullWindow(*next));
      return;
    }
    if (!next.has_value()) return;
    const std::size_t journalRoom = setting_.journalRoom - outcome.journalBytes;
    const std::size_t answerRoom = setting_.answerRoom - outcome.answerBytes;
    const bool otherTag = outcome.records > 0 && outcome.tag != next->granted->tag;
    CHECK(otherTag || journalRoom < kMaxRecordLength || answerRoom < next->submit.id.size() + kLongestTail);
  }

  bool MeetsFullWindow(const Seen& next) const {
    PlainWindow copy = plainWindow_;
    return PlainDecision(next.granted->job, copy, next.hash, next.submission) == Refusal::kWindowFull;
  }

  const Setting& setting_;
  Bytes text_;
  std::shared_ptr<SeenWindow> window_;
  Intake intake_;
  std::array<std::optional<PreparedJob>, 4> prepared_;
  Lane lane_;
  PlainWindow plainWindow_;
  std::deque<Granted> jobs_;
  std::map<std::string, std::string> workers_;
  std::size_t at_ = 0;
  std::uint64_t sequence_ = 100;
};

void Test(Input input) {
  const Setting setting = MakeSetting(input);
  const std::vector<std::uint8_t> text = input.Rest();
  // One of them is enough: whether they agree is asked by other targets.
  const auto kernels = UsableKernels();
  Reading(*kernels[setting.tags / 16 % kernels.size()], setting, text).Run();
}

const Target kTarget("intake", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
