#include "intake.h"

#include "u256.h"

namespace penstock {
namespace {

/// Submissions judged side by side: as many as the widest kernel has lanes.
constexpr std::size_t kMaxBatch = 16;

/// Submissions of one job, side by side: it may be granted to several miners, to each under its own terms.
struct Batch {
  std::size_t count = 0;
  std::array<Submitted, kMaxBatch> entries;
  std::array<Hash, kMaxBatch> hashes;

  const PreparedJob& prepared() const { return *entries.front().job->prepared; }
};

/// Cuts what begins at `at`, while it is of one job.
void Gather(Submissions& submissions, const ReadTask& task, std::size_t at, Batch& batch) {
  batch.count = 0;
  while (batch.count < kMaxBatch && at < task.bytes.size()) {
    Submitted& next = batch.entries[batch.count];
    if (!submissions.Cut(task.bytes.subspan(at), next) || next.job->number < task.oldestJob) return;
    if (batch.count > 0 && next.job->prepared.get() != &batch.prepared()) return;
    at += next.length;
    batch.count++;
  }
}

bool HasSameRoot(const Submitted& one, const Submitted& other) {
  return one.job == other.job && one.extranonce2 == other.extranonce2;
}

/// Root of every entry; equal neighbours, and the one that a miner's job had last, are hashed once.
std::array<Hash, kMaxBatch> RootsOf(const Sha256Kernel& kernel, const Batch& batch) {
  std::array<Extranonces, kMaxBatch> choices;
  std::array<Hash, kMaxBatch> computed;
  // Which of the computed ones an entry has, counted from 1; 0 is its job's last.
  std::array<std::size_t, kMaxBatch> place;
  std::size_t count = 0;
  for (std::size_t i = 0; i < batch.count; i++) {
    const Submitted& entry = batch.entries[i];
    const auto& last = entry.job->lastRoot;
    if (i > 0 && HasSameRoot(entry, batch.entries[i - 1])) {
      place[i] = place[i - 1];
    } else if (last.has_value() && last->extranonce2 == entry.extranonce2) {
      place[i] = 0;
    } else {
      choices[count] = {entry.terms->extranonce1, entry.extranonce2};
      place[i] = ++count;
    }
  }
  batch.prepared().Roots(kernel, std::span(choices).first(count), std::span(computed).first(count));

  std::array<Hash, kMaxBatch> roots;
  for (std::size_t i = 0; i < batch.count; i++) {
    roots[i] = place[i] == 0 ? batch.entries[i].job->lastRoot->hash : computed[place[i] - 1];
  }
  for (std::size_t i = 0; i < batch.count; i++) {
    if (place[i] != 0) batch.entries[i].job->lastRoot = {batch.entries[i].extranonce2, roots[i]};
  }
  return roots;
}

void HashHeaders(const Sha256Kernel& kernel, Batch& batch) {
  const std::array<Hash, kMaxBatch> roots = RootsOf(kernel, batch);
  std::array<std::uint8_t, kMaxBatch * 80> headers;
  for (std::size_t i = 0; i < batch.count; i++) {
    const Submitted& entry = batch.entries[i];
    batch.prepared().WriteHeader(roots[i], entry.version, entry.ntime, entry.nonce,
                                 std::span(headers).subspan(i * 80).first<80>());
  }
  static_assert(sizeof(batch.hashes) == kMaxBatch * sizeof(Hash));
  kernel.double80({batch.hashes.front().data(), batch.count * sizeof(Hash)}, Bytes(headers).first(batch.count * 80));
}

/// Turns a batch into answers, records and what the window remembers; stops at the first that must wait or is a block.
class Judgement {
 public:
  Judgement(const Intake& intake, Protocol protocol, Submissions& submissions, const ReadTask& task)
      : intake_(intake), protocol_(protocol), submissions_(submissions), task_(task) {
    outcome_.taken = task.from;
  }

  const ReadOutcome& outcome() const { return outcome_; }

  /// False if nothing behind the batch may be taken either.
  bool Take(const Batch& batch) {
    const PreparedJob& prepared = batch.prepared();
    for (std::size_t i = 0; i < batch.count; i++) {
      intake_.seen->Prefetch({prepared.tipNumber(), prepared.previousHash()}, batch.hashes[i]);
    }
    for (std::size_t i = 0; i < batch.count; i++) {
      // A block is JavaScript's, before anything is done with it.
      if (LessOrEqual(batch.hashes[i], prepared.networkTarget())) return false;
      if (!HasRoom(batch.entries[i])) {
        outcome_.again = true;
        return false;
      }
      if (!TakeOne(batch.entries[i], batch.hashes[i])) return false;
    }
    return true;
  }

 private:
  bool HasRoom(const Submitted& entry) const {
    const std::size_t record = ShareRecordLength(entry.account, entry.worker);
    return task_.journal.size() - outcome_.journalBytes >= record && submissions_.HasRoom(entry);
  }

  /// False, and nothing is done, if the window is full: what follows from that is JavaScript's.
  bool TakeOne(const Submitted& entry, const Hash& hash) {
    const GrantedJob& job = *entry.job;
    const Refusal refusal = Decide(*job.prepared, *intake_.seen, hash,
                                   {.ntime = entry.ntime,
                                    .ntimeMin = job.ntimeMin,
                                    .ntimeMax = task_.ntimeMax,
                                    .versionBits = entry.versionBits,
                                    .versionMask = entry.terms->versionMask,
                                    .stale = false,
                                    .target = job.target});
    if (refusal == Refusal::kWindowFull) return false;
    if (refusal == Refusal::kNone) {
      Record(entry, hash);
    } else {
      outcome_.refused[static_cast<std::size_t>(refusal)]++;
    }
    submissions_.Answer(entry, refusal);
    outcome_.answerBytes = submissions_.answerBytes();
    outcome_.taken += entry.length;
    return true;
  }

  void Record(const Submitted& entry, const Hash& hash) {
    const GrantedJob& job = *entry.job;
    const ShareRecord record = {
        .epoch = task_.epoch,
        .sequence = task_.sequence + outcome_.records,
        .index = task_.index + outcome_.records,
        .timeMs = task_.timeMs,
        .hash = hash,
        .target = job.target,
        .work = job.work,
        .height = job.height,
        .protocol = protocol_,
        .solo = job.solo,
        .account = entry.account,
        .worker = entry.worker,
    };
    outcome_.journalBytes += WriteShareRecord(task_.journal.subspan(outcome_.journalBytes), record);
    outcome_.records++;
  }

  const Intake& intake_;
  const Protocol protocol_;
  Submissions& submissions_;
  const ReadTask& task_;
  ReadOutcome outcome_;
};

}  // namespace

ReadOutcome TakeAll(const Intake& intake, Protocol protocol, Submissions& submissions, const ReadTask& task) {
  Judgement judgement(intake, protocol, submissions, task);
  Batch batch;
  do {
    Gather(submissions, task, judgement.outcome().taken, batch);
    if (batch.count == 0) break;
    HashHeaders(intake.kernel, batch);
  } while (judgement.Take(batch));
  return judgement.outcome();
}

}  // namespace penstock
