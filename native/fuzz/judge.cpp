// Two jobs, a window and a line of submissions: every kernel gives the header, the hash and the verdict of plain code, and
// nothing is accepted twice.
#include "plain_judge.h"

namespace penstock {
namespace {

constexpr std::size_t kMaxSteps = 24;

PlainJob MakeJob(Input& input) {
  PlainJob job;
  job.version = input.Word();
  job.bits = input.Word();
  job.minTime = input.Word();
  job.tipNumber = input.Byte();
  job.extranonce2Length = input.Byte() % 2 == 0 ? kExtranonce2Length : kWideExtranonce2Length;
  const std::size_t length1 = input.UpTo(200);
  const std::size_t length2 = input.UpTo(400);
  const std::size_t elements = input.UpTo(kMaxBranchElements);
  job.networkTarget = input.Fixed<32>();
  job.previousHash = input.Fixed<32>();
  job.coinbase1 = input.Make(length1);
  job.coinbase2 = input.Make(length2);
  job.branch = input.Make(32 * elements);
  return job;
}

struct Step {
  enum Kind { kForget, kRepeat, kSubmit };
  Kind kind;
  std::size_t job;
  std::uint64_t tipNumber;
  Submission submission;
};

/// Half of the submissions break no rule, but for a target beside their own hash.
Submission MakeSubmission(Input& input, const PlainJob& job, std::uint8_t choice) {
  const auto bytes = input.Fixed<SubmissionLayout::kSize>();
  Submission submission = ReadSubmission(bytes);
  if ((choice & 0x10) != 0) {
    submission.stale = false;
    submission.ntimeMin = 0;
    submission.ntimeMax = 0xffffffff;
    submission.ntime |= 0x80000000;
    submission.versionMask |= submission.wholeVersion ? submission.version ^ job.version : submission.version;
    submission.target.fill(0xff);
  }
  return submission;
}

/// The target is the hash itself, or the next one below: those that a wrong comparison would mix up.
void AimAt(Submission& submission, const PlainJob& job, bool below) {
  submission.target = reference::Sha256d(job.HeaderOf(submission));
  for (std::size_t i = 0; below && submission.target[i]-- == 0; i++) {
  }
}

std::vector<Step> MakeSteps(Input& input, std::span<const PlainJob, 2> jobs) {
  std::vector<Step> steps;
  while (!input.empty() && steps.size() < kMaxSteps) {
    const std::uint8_t choice = input.Byte();
    Step step = {.kind = Step::kSubmit, .job = choice & 1u, .tipNumber = 0, .submission = {}};
    if ((choice & 0x0e) == 0) {
      step.kind = Step::kForget;
      step.tipNumber = input.Byte();
    } else if ((choice & 0x0e) == 2 && !steps.empty()) {
      step = steps[input.UpTo(steps.size() - 1)];
      if (step.kind == Step::kSubmit) step.kind = Step::kRepeat;
    } else {
      step.submission = MakeSubmission(input, jobs[step.job], choice);
      if ((choice & 0x20) != 0) AimAt(step.submission, jobs[step.job], (choice & 0x40) != 0);
    }
    steps.push_back(step);
  }
  return steps;
}

class Judging {
 public:
  Judging(const Sha256Kernel& kernel, std::span<const PlainJob, 2> jobs, std::size_t maxEntries,
          SeenWindow::Seed seed)
      : kernel_(kernel),
        jobs_(jobs),
        prepared_{jobs[0].Prepare(kernel), jobs[1].Prepare(kernel)},
        seen_(maxEntries, seed),
        plainSeen_(maxEntries) {}

  void Take(const Step& step) {
    if (step.kind == Step::kForget) {
      seen_.ForgetBefore(step.tipNumber);
      plainSeen_.ForgetBefore(step.tipNumber);
    } else {
      Submit(jobs_[step.job], prepared_[step.job], step.submission);
    }
    CHECK(seen_.size() == plainSeen_.size());
  }

 private:
  void Submit(const PlainJob& job, const PreparedJob& prepared, const Submission& submission) {
    const auto header = job.HeaderOf(submission);
    const Hash hash = reference::Sha256d(header);
    const Verdict verdict = Judge(kernel_, prepared, seen_, submission);
    CHECK(verdict.header == header);
    CHECK(verdict.hash == hash);
    CHECK(verdict.block == reference::LessOrEqual(hash, job.networkTarget));
    CHECK(verdict.refusal == PlainDecision(job, plainSeen_, hash, submission));
    if (verdict.refusal == Refusal::kNone) {
      CHECK(Judge(kernel_, prepared, seen_, submission).refusal == Refusal::kDuplicate);
    }
  }

  const Sha256Kernel& kernel_;
  std::span<const PlainJob, 2> jobs_;
  std::array<PreparedJob, 2> prepared_;
  SeenWindow seen_;
  PlainWindow plainSeen_;
};

void Test(Input input) {
  const std::size_t maxEntries = input.Byte() % 32;
  const SeenWindow::Seed seed = {input.LongWord(), input.LongWord()};
  const bool sameTip = input.Byte() % 2 == 0;
  std::array<PlainJob, 2> jobs = {MakeJob(input), MakeJob(input)};
  if (sameTip) jobs[1].previousHash = jobs[0].previousHash;
  const std::vector<Step> steps = MakeSteps(input, jobs);
  for (const Sha256Kernel* kernel : UsableKernels()) {
    Judging judging(*kernel, jobs, maxEntries, seed);
    for (const Step& step : steps) judging.Take(step);
  }
}

const Target kTarget("judge", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
