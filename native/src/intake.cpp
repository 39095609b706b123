#include "intake.h"

#include <algorithm>
#include <cstring>

#include "share_record.h"
#include "u256.h"

namespace penstock {
namespace {

/// Devices work on the newest job and finish what they have of the one before.
constexpr std::size_t kMaxLaneJobs = 4;
/// A proxy with more workers on one connection has them granted anew from time to time.
constexpr std::size_t kMaxLaneWorkers = 4096;
/// Submissions judged side by side: as many as the widest kernel has lanes.
constexpr std::size_t kMaxBatch = 16;

constexpr std::string_view kAnswerHead = "{\"id\":";

std::string_view TextOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Text into a bounded buffer.
class Answers {
 public:
  explicit Answers(std::span<std::uint8_t> room) : room_(room) {}

  bool HasRoom(std::size_t length) const { return room_.size() - used_ >= length; }

  void Append(std::string_view text) {
    std::memcpy(room_.subspan(used_, text.size()).data(), text.data(), text.size());
    used_ += text.size();
  }

  std::size_t used() const { return used_; }

 private:
  std::span<std::uint8_t> room_;
  std::size_t used_ = 0;
};

/// Submissions of one job, side by side.
struct Batch {
  struct Entry {
    std::size_t lineStart;
    std::size_t lineEnd;  // behind the newline
    SubmitLine submit;
    const Lane::Worker* worker;
  };

  const Lane::Job* job = nullptr;
  std::size_t count = 0;
  std::array<Entry, kMaxBatch> entries;
  std::array<Hash, kMaxBatch> hashes;
};

/// Cuts and reads lines from `at` on while they are usual, granted and of one job.
void Gather(Lane& lane, const ReadTask& task, std::size_t at, Batch& batch) {
  batch.job = nullptr;
  batch.count = 0;
  while (batch.count < kMaxBatch && at < task.bytes.size()) {
    const Bytes rest = task.bytes.subspan(at);
    const auto* newline = static_cast<const std::uint8_t*>(std::memchr(rest.data(), '\n', rest.size()));
    if (newline == nullptr) return;
    const auto length = static_cast<std::size_t>(newline - rest.data());
    const auto submit = ParseSubmitLine(rest.first(length));
    if (!submit.has_value() || submit->job.number < task.oldestJob) return;
    if (batch.job == nullptr) batch.job = lane.FindJob(submit->job);
    if (batch.job == nullptr || batch.job->name != submit->job) return;
    const Lane::Worker* worker = lane.FindWorker(submit->user);
    if (worker == nullptr) return;
    batch.entries[batch.count++] = {at, at + length + 1, *submit, worker};
    at += length + 1;
  }
}

/// Root of every entry; equal neighbours, and one that the lane had last, are hashed once.
std::array<Hash, kMaxBatch> RootsOf(const Sha256Kernel& kernel, Lane& lane, const Batch& batch) {
  const PreparedJob& job = *batch.job->prepared;
  std::array<Extranonces, kMaxBatch> choices;
  std::array<Hash, kMaxBatch> computed;
  // Which of the computed ones an entry has, counted from 1; 0 is the lane's last.
  std::array<std::size_t, kMaxBatch> place;
  std::size_t count = 0;
  const bool known = lane.lastRoot.job == &job;
  for (std::size_t i = 0; i < batch.count; i++) {
    const auto& extranonce2 = batch.entries[i].submit.extranonce2;
    if (i > 0 && extranonce2 == batch.entries[i - 1].submit.extranonce2) {
      place[i] = place[i - 1];
    } else if (known && extranonce2 == lane.lastRoot.extranonce2) {
      place[i] = 0;
    } else {
      choices[count] = {lane.terms().extranonce1, Widened(extranonce2)};
      place[i] = ++count;
    }
  }
  job.Roots(kernel, std::span(choices).first(count), std::span(computed).first(count));

  std::array<Hash, kMaxBatch> roots;
  for (std::size_t i = 0; i < batch.count; i++) roots[i] = place[i] == 0 ? lane.lastRoot.hash : computed[place[i] - 1];
  lane.lastRoot = {&job, batch.entries[batch.count - 1].submit.extranonce2, roots[batch.count - 1]};
  return roots;
}

void HashHeaders(const Sha256Kernel& kernel, Lane& lane, Batch& batch) {
  const PreparedJob& job = *batch.job->prepared;
  const std::array<Hash, kMaxBatch> roots = RootsOf(kernel, lane, batch);
  std::array<std::uint8_t, kMaxBatch * 80> headers;
  for (std::size_t i = 0; i < batch.count; i++) {
    const SubmitLine& submit = batch.entries[i].submit;
    job.WriteHeader(roots[i], job.version() | submit.versionBits, submit.ntime, submit.nonce,
                    std::span(headers).subspan(i * 80).first<80>());
  }
  static_assert(sizeof(batch.hashes) == kMaxBatch * sizeof(Hash));
  kernel.double80({batch.hashes.front().data(), batch.count * sizeof(Hash)}, Bytes(headers).first(batch.count * 80));
}

/// Turns a batch into answers, records and what the window remembers; stops at the first that must wait or is a block.
class Judgement {
 public:
  Judgement(const Intake& intake, const Lane& lane, const ReadTask& task)
      : intake_(intake), lane_(lane), task_(task), answers_(task.answers) {
    outcome_.taken = task.from;
  }

  const ReadOutcome& outcome() const { return outcome_; }

  /// False if nothing behind the batch may be taken either.
  bool Take(const Batch& batch) {
    // One run of records is credited by one tag.
    if (outcome_.records > 0 && outcome_.tag != batch.job->tag) return Again();
    const PreparedJob& prepared = *batch.job->prepared;
    for (std::size_t i = 0; i < batch.count; i++) {
      intake_.seen->Prefetch({prepared.tipNumber(), prepared.previousHash()}, batch.hashes[i]);
    }
    for (std::size_t i = 0; i < batch.count; i++) {
      // A block is JavaScript's, before anything is done with it.
      if (LessOrEqual(batch.hashes[i], prepared.networkTarget())) return false;
      if (!HasRoom(batch.entries[i])) return Again();
      if (!TakeOne(*batch.job, batch.entries[i], batch.hashes[i])) return false;
    }
    return true;
  }

 private:
  bool Again() {
    outcome_.again = true;
    return false;
  }

  bool HasRoom(const Batch::Entry& entry) const {
    const std::size_t record = ShareRecordLength(entry.worker->account, entry.worker->worker);
    return task_.journal.size() - outcome_.journalBytes >= record &&
           answers_.HasRoom(kAnswerHead.size() + entry.submit.id.size() + longestTail_);
  }

  /// False, and nothing is done, if the window is full: what follows from that is JavaScript's.
  bool TakeOne(const Lane::Job& job, const Batch::Entry& entry, const Hash& hash) {
    const ShareRecord record = {
        .epoch = task_.epoch,
        .sequence = task_.sequence + outcome_.records,
        .index = task_.index + outcome_.records,
        .timeMs = task_.timeMs,
        .hash = hash,
        .target = job.target,
        .work = job.work,
        .height = job.height,
        .protocol = Protocol::kV1,
        .solo = job.solo,
        .account = entry.worker->account,
        .worker = entry.worker->worker,
    };
    const SubmitLine& submit = entry.submit;
    const Refusal refusal = Decide(*job.prepared, *intake_.seen, hash,
                                   {.ntime = submit.ntime,
                                    .ntimeMin = 0,
                                    .ntimeMax = task_.ntimeMax,
                                    .versionBits = submit.versionBits,
                                    .versionMask = lane_.terms().versionMask,
                                    .stale = false,
                                    .target = job.target});
    if (refusal == Refusal::kWindowFull) return false;
    if (refusal == Refusal::kNone) {
      outcome_.journalBytes += WriteShareRecord(task_.journal.subspan(outcome_.journalBytes), record);
      outcome_.records++;
      outcome_.tag = job.tag;
    } else {
      outcome_.refused[static_cast<std::size_t>(refusal)]++;
    }
    answers_.Append(kAnswerHead);
    answers_.Append(TextOf(submit.id));
    answers_.Append(TailFor(refusal));
    outcome_.answerBytes = answers_.used();
    outcome_.taken = entry.lineEnd;
    return true;
  }

  const std::string& TailFor(Refusal refusal) const {
    return refusal == Refusal::kNone ? intake_.acceptedTail : intake_.refusalTails[static_cast<std::size_t>(refusal)];
  }

  const Intake& intake_;
  const Lane& lane_;
  const ReadTask& task_;
  Answers answers_;
  ReadOutcome outcome_;
  const std::size_t longestTail_ = LongestTail(intake_);

  static std::size_t LongestTail(const Intake& intake) {
    std::size_t longest = intake.acceptedTail.size();
    for (const std::string& tail : intake.refusalTails) longest = std::max(longest, tail.size());
    return longest;
  }
};

}  // namespace

void Lane::GrantJob(const Terms& terms, Job job) {
  if (terms != terms_) Forget();
  terms_ = terms;
  ForgetRoot();
  std::erase_if(jobs_, [&job](const Job& other) { return other.name == job.name; });
  if (jobs_.size() == kMaxLaneJobs) jobs_.erase(jobs_.begin());
  jobs_.push_back(std::move(job));
}

void Lane::GrantWorker(std::string user, Worker worker) {
  if (workers_.size() >= kMaxLaneWorkers) workers_.clear();
  lastWorker_ = &*workers_.insert_or_assign(std::move(user), std::move(worker)).first;
}

void Lane::Forget() {
  jobs_.clear();
  ForgetRoot();
}

const Lane::Job* Lane::FindJob(const JobName& name) const {
  const auto found = std::find_if(jobs_.rbegin(), jobs_.rend(), [&name](const Job& job) { return job.name == name; });
  return found == jobs_.rend() ? nullptr : &*found;
}

const Lane::Worker* Lane::FindWorker(Bytes user) {
  const std::string_view text = TextOf(user);
  if (lastWorker_ == nullptr || lastWorker_->first != text) {
    const auto found = workers_.find(text);
    if (found == workers_.end()) return nullptr;
    lastWorker_ = &*found;
  }
  return &lastWorker_->second;
}

ReadOutcome TakeSubmits(const Intake& intake, Lane& lane, const ReadTask& task) {
  Judgement judgement(intake, lane, task);
  Batch batch;
  do {
    Gather(lane, task, judgement.outcome().taken, batch);
    if (batch.count == 0) break;
    HashHeaders(intake.kernel, lane, batch);
  } while (judgement.Take(batch));
  return judgement.outcome();
}

}  // namespace penstock
