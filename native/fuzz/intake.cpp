// V1's native way: lines.
#include <deque>

#include "line_lane.h"
#include "plain_intake.h"

namespace penstock {
namespace {

constexpr std::size_t kLongestTail = 40;
const std::vector<JobName> kNames = {{1, 0}, {1, 1}, {2, 0}, {0x1234567890, 0xff}};
constexpr MinerTerms kTerms = {{1, 2, 3, 4}, 0x1fffe000};

std::string TailOf(std::size_t refusal) { return ",\"tail\":" + std::string(refusal, '*') + "}\n"; }

class LineReading final : public PlainReading {
 public:
  LineReading(const Sha256Kernel& kernel, const IntakeSetting& setting, Bytes sent)
      : PlainReading(kernel, setting, sent) {
    intake_.acceptedTail = TailOf(0);
    for (std::size_t i = 0; i < kRefusalCount; i++) intake_.refusalTails[i] = TailOf(i);
    for (std::size_t place = 0; place < kNames.size(); place++) Grant(place, 0);
    for (const char* user : {"rig", "bc1qaddress.rig", "x"}) {
      lane_.GrantWorker(user, {std::string("account of ") + user, user});
      workers_[user] = std::string("account of ") + user;
    }
  }

 private:
  /// A job may become another under the same name, and all may be taken back.
  void ChangeGrants(std::uint8_t change) override {
    if (change % 16 == 1) Grant(change / 16 % kNames.size(), change);
    if (change % 16 != 3) return;
    lane_.Forget();
    jobs_.clear();
  }

  /// In the place of the one before, as memory that was freed is used again; or where nothing else was.
  std::shared_ptr<const PreparedJob> Prepare(const PlainJob& job, std::size_t place, bool elsewhere) {
    if (elsewhere) return std::make_shared<const PreparedJob>(job.Prepare(intake_.kernel));
    return {std::shared_ptr<void>(), &prepared_[place].emplace(job.Prepare(intake_.kernel))};
  }

  void Grant(std::size_t place, std::uint8_t salt) {
    const JobName name = kNames[place];
    const PlainJob job = MakePlainJob(setting_, place, salt);
    const Hash target = PlainTarget(setting_.targets, place);
    const std::uint32_t tag = setting_.tags >> place & 1;
    const bool elsewhere = (salt & 0x40) != 0;
    const bool solo = setting_.IsSolo(place);
    lane_.GrantJob(kTerms, {.name = name.wire(),
                            .number = name.number,
                            .prepared = Prepare(job, place, elsewhere),
                            .extranonce2 = std::nullopt,
                            .ntimeMin = 0,
                            .target = target,
                            .work = kWork,
                            .height = kHeight,
                            .solo = solo,
                            .tag = tag});
    std::erase_if(jobs_, [&name](const Granted& granted) { return granted.name == name; });
    jobs_.push_back({name, {job, target, solo, tag}});
  }

  struct Granted {
    JobName name;
    PlainGrant grant;
  };

  std::optional<std::size_t> MessageEnd(Bytes bytes, std::size_t at) const override {
    const auto newline = std::find(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), '\n');
    if (newline == bytes.end()) return std::nullopt;
    return static_cast<std::size_t>(newline - bytes.begin()) + 1;
  }

  std::optional<PlainSubmission> Look(Bytes message) const override {
    const auto submit = ParseSubmitLine(message.first(message.size() - 1));
    if (!submit.has_value() || submit->job.number < setting_.oldestJob) return std::nullopt;
    const auto granted = std::ranges::find(jobs_, submit->job, &Granted::name);
    const auto worker = workers_.find(std::string(submit->user.begin(), submit->user.end()));
    if (granted == jobs_.end() || worker == workers_.end()) return std::nullopt;
    const Submission submission = {.extranonce1 = kTerms.extranonce1,
                                   .extranonce2 = Widened(submit->extranonce2),
                                   .ntime = submit->ntime,
                                   .nonce = submit->nonce,
                                   .version = submit->versionBits,
                                   .versionMask = kTerms.versionMask,
                                   .stale = false,
                                   .wholeVersion = false,
                                   .ntimeMin = 0,
                                   .ntimeMax = kNtimeMax,
                                   .target = granted->grant.target};
    const std::string id(submit->id.begin(), submit->id.end());
    return PlainSubmission{id, &granted->grant, worker->second, worker->first, submission, {}};
  }

  ReadOutcome Take(const ReadTask& task) override { return TakeLines(intake_, lane_, task); }

  void Taken(const PlainSubmission& seen, Refusal refusal, const ReadOutcome& outcome) override {
    if (refusal == Refusal::kNone) CHECK(outcome.tag == seen.granted->tag);
    expectedAnswers_ += "{\"id\":" + seen.id + TailOf(static_cast<std::size_t>(refusal));
  }

  std::string TakeExpectedAnswers() override { return std::exchange(expectedAnswers_, {}); }

  /// A run of records has one tag.
  bool Fits(const PlainSubmission& next, const ReadOutcome& outcome, std::size_t answerRoom) const override {
    const bool otherTag = outcome.records > 0 && outcome.tag != next.granted->tag;
    return !otherTag && answerRoom >= next.id.size() + kLongestTail;
  }

  std::array<std::optional<PreparedJob>, 4> prepared_;
  LineLane lane_;
  std::deque<Granted> jobs_;
  std::map<std::string, std::string> workers_;
  std::string expectedAnswers_;
};

void Test(Input input) {
  const IntakeSetting setting = MakeSetting(input);
  const std::vector<std::uint8_t> text = input.Rest();
  // One of them is enough: whether they agree is asked by other targets.
  const auto kernels = UsableKernels();
  LineReading(*kernels[setting.tags / 16 % kernels.size()], setting, text).Run();
}

const Target kTarget("intake", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
