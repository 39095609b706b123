#include "line_lane.h"

#include <algorithm>
#include <cstring>

#include "answers.h"

namespace penstock {
namespace {

/// A proxy with more workers on one connection has them granted anew from time to time.
constexpr std::size_t kMaxLaneWorkers = 4096;

constexpr std::string_view kAnswerHead = "{\"id\":";

std::string_view TextOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class Lines final : public Submissions {
 public:
  Lines(const Intake& intake, LineLane& lane, std::span<std::uint8_t> answers)
      : intake_(intake),
        lane_(lane),
        answers_(answers),
        longestTail_(std::max(intake.acceptedTail.size(), LongestOf(intake.refusalTails))) {}

  bool Cut(Bytes bytes, Submitted& submitted) override {
    const auto* newline = static_cast<const std::uint8_t*>(std::memchr(bytes.data(), '\n', bytes.size()));
    if (newline == nullptr) return false;
    const auto length = static_cast<std::size_t>(newline - bytes.data());
    const auto line = ParseSubmitLine(bytes.first(length));
    if (!line.has_value()) return false;
    GrantedJob* job = lane_.FindJob(line->job);
    if (job == nullptr) return false;
    const LineLane::Worker* worker = lane_.FindWorker(line->user);
    if (worker == nullptr) return false;
    submitted = {.length = length + 1,
                 .id = line->id,
                 .terms = &lane_.terms(),
                 .job = job,
                 .extranonce2 = Widened(line->extranonce2),
                 .ntime = line->ntime,
                 .nonce = line->nonce,
                 .version = job->prepared->version() | line->versionBits,
                 .versionBits = line->versionBits,
                 .account = worker->account,
                 .worker = worker->worker};
    return true;
  }

  bool HasRoom(const Submitted& submitted) const override {
    if (tag_.has_value() && *tag_ != submitted.job->tag) return false;
    return answers_.HasRoom(kAnswerHead.size() + submitted.id.size() + longestTail_);
  }

  void Answer(const Submitted& submitted, Refusal refusal) override {
    if (refusal == Refusal::kNone) tag_ = submitted.job->tag;
    answers_.Append(kAnswerHead);
    answers_.Append(submitted.id);
    answers_.Append(TailFor(refusal));
  }

  std::size_t answerBytes() const override { return answers_.used(); }

  /// Of all that were accepted.
  std::uint32_t tag() const { return tag_.value_or(0); }

 private:
  std::string_view TailFor(Refusal refusal) const {
    return refusal == Refusal::kNone ? intake_.acceptedTail : intake_.refusalTails[static_cast<std::size_t>(refusal)];
  }

  const Intake& intake_;
  LineLane& lane_;
  Answers answers_;
  const std::size_t longestTail_;
  std::optional<std::uint32_t> tag_;
};

}  // namespace

void LineLane::GrantJob(const MinerTerms& terms, GrantedJob job) {
  if (terms != terms_) Forget();
  terms_ = terms;
  jobs_.Grant(std::move(job));
}

void LineLane::GrantWorker(std::string user, Worker worker) {
  if (workers_.size() >= kMaxLaneWorkers) workers_.clear();
  lastWorker_ = &*workers_.insert_or_assign(std::move(user), std::move(worker)).first;
}

void LineLane::Forget() { jobs_.Clear(); }

const LineLane::Worker* LineLane::FindWorker(Bytes user) {
  const std::string_view text = TextOf(user);
  if (lastWorker_ == nullptr || lastWorker_->first != text) {
    const auto found = workers_.find(text);
    if (found == workers_.end()) return nullptr;
    lastWorker_ = &*found;
  }
  return &lastWorker_->second;
}

ReadOutcome TakeLines(const Intake& intake, LineLane& lane, const ReadTask& task) {
  Lines lines(intake, lane, task.answers);
  ReadOutcome outcome = TakeAll(intake, Protocol::kV1, lines, task);
  outcome.tag = lines.tag();
  return outcome;
}

}  // namespace penstock
