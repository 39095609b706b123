// V2's native way: frames of several channels, some of which work on the same job.
#include "frame_lane.h"
#include "plain_intake.h"

namespace penstock {
namespace {

/// What may be granted. Places with the same job share it.
struct Place {
  std::uint32_t channelId;
  std::uint32_t jobName;
  std::size_t job;
  bool extended;
  std::size_t extranonce2Length;
  std::uint32_t ntimeMin;
};

const std::array<Place, 5> kPlaces = {{{5, 1, 0, false, kExtranonce2Length, 0},
                                       {7, 1, 0, true, kExtranonce2Length, 0x65a0b1c2},
                                       {5, 2, 1, false, kExtranonce2Length, 0},
                                       {9, 2, 2, true, kWideExtranonce2Length, 0},
                                       {8, 2, 2, false, kWideExtranonce2Length, 0}}};
/// By the place's job.
constexpr std::array<std::uint64_t, 3> kNumbers = {1, 2, 3};

std::string CodeOf(std::size_t refusal) { return std::string(5 * refusal, 'e'); }
constexpr std::size_t kLongestError = 6 + 8 + 1 + 5 * (kRefusalCount - 1);

std::string AccountOf(std::uint32_t channelId) { return "account of " + std::to_string(channelId); }

FrameLane::Owner OwnerOf(std::uint32_t channelId) {
  return {{{1, 2, 3, static_cast<std::uint8_t>(channelId)}, 0x1fffffe0},
          AccountOf(channelId),
          std::to_string(channelId)};
}

std::uint32_t WordAt(Bytes bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; i++) value |= std::uint32_t{bytes[at + i]} << (8 * i);
  return value;
}

class FrameReading final : public PlainReading {
 public:
  FrameReading(const Sha256Kernel& kernel, const IntakeSetting& setting, Bytes sent)
      : PlainReading(kernel, setting, sent) {
    for (std::size_t i = 0; i < kRefusalCount; i++) intake_.errorCodes[i] = CodeOf(i);
    for (std::size_t place = 0; place < kPlaces.size(); place++) Grant(place, 0);
  }

 private:
  /// A job may become another under the same name; a channel's may be taken back, and all.
  void ChangeGrants(std::uint8_t change) override {
    const std::size_t place = change / 16 % kPlaces.size();
    if (change % 16 == 1) Grant(place, change);
    if (change % 16 == 7) {
      lane_.Forget(kPlaces[place].channelId);
      std::erase_if(granted_, [place](const auto& entry) {
        return kPlaces[entry.first].channelId == kPlaces[place].channelId;
      });
    }
    if (change % 16 != 3) return;
    lane_.ForgetAll();
    granted_.clear();
  }

  std::shared_ptr<const PreparedJob> Prepare(const PlainJob& job, std::size_t place, std::uint8_t salt) {
    auto& [madeOf, prepared] = prepared_[kPlaces[place].job];
    if (prepared == nullptr || madeOf != salt) {
      prepared = std::make_shared<const PreparedJob>(job.Prepare(intake_.kernel));
    }
    madeOf = salt;
    return prepared;
  }

  void Grant(std::size_t place, std::uint8_t salt) {
    const auto& [channelId, jobName, jobPlace, extended, length, ntimeMin] = kPlaces[place];
    const PlainJob job = MakePlainJob(setting_, jobPlace, salt, length);
    const Hash target = PlainTarget(setting_.targets, place % 4);
    const auto tag = static_cast<std::uint32_t>(place);
    const bool solo = setting_.IsSolo(place);
    lane_.Grant(channelId, OwnerOf(channelId),
                {.name = jobName,
                 .number = kNumbers[jobPlace],
                 .prepared = Prepare(job, place, salt),
                 .extranonce2 = extended ? std::nullopt : std::optional(OwnExtranonce2(place)),
                 .ntimeMin = ntimeMin,
                 .target = target,
                 .work = kWork,
                 .height = kHeight,
                 .solo = solo,
                 .tag = tag});
    granted_[place] = {job, target, solo, tag};
  }

  static Extranonce2 OwnExtranonce2(std::size_t place) {
    Extranonce2 extranonce2 = {};
    extranonce2[kPlaces[place].extranonce2Length - 1] = static_cast<std::uint8_t>(place);
    return extranonce2;
  }

  std::optional<std::size_t> MessageEnd(Bytes bytes, std::size_t at) const override {
    if (bytes.size() < at + 6) return std::nullopt;
    const std::size_t end = at + 6 + (WordAt(bytes, at + 2) >> 8);
    return end > bytes.size() ? std::nullopt : std::optional(end);
  }

  std::optional<PlainSubmission> Look(Bytes message) const override {
    const bool extended = message[2] == 0x1b;
    if (message[0] != 0 || message[1] != 0x80 || (message[2] != 0x1a && !extended)) return std::nullopt;
    if (message.size() < 30 || (!extended && message.size() != 30)) return std::nullopt;
    const auto place = std::ranges::find_if(kPlaces, [message, extended](const Place& one) {
      return one.channelId == WordAt(message, 6) && one.jobName == WordAt(message, 14) && one.extended == extended;
    });
    if (place == kPlaces.end() || kNumbers[place->job] < setting_.oldestJob) return std::nullopt;
    const auto number = static_cast<std::size_t>(place - kPlaces.begin());
    const auto granted = granted_.find(number);
    if (granted == granted_.end()) return std::nullopt;
    Extranonce2 extranonce2 = OwnExtranonce2(number);
    if (extended) {
      const std::size_t length = place->extranonce2Length;
      if (message.size() != 31 + length || message[30] != length) return std::nullopt;
      extranonce2 = {};
      CopyBytes(extranonce2, message.subspan(31));
    }
    const FrameLane::Owner owner = OwnerOf(place->channelId);
    const Submission submission = {.extranonce1 = owner.terms.extranonce1,
                                   .extranonce2 = extranonce2,
                                   .ntime = WordAt(message, 22),
                                   .nonce = WordAt(message, 18),
                                   .version = WordAt(message, 26),
                                   .versionMask = owner.terms.versionMask,
                                   .stale = false,
                                   .wholeVersion = true,
                                   .ntimeMin = place->ntimeMin,
                                   .ntimeMax = kNtimeMax,
                                   .target = granted->second.target};
    const std::string id(message.begin() + 6, message.begin() + 14);
    return PlainSubmission{id, &granted->second, owner.account, owner.worker, submission, {}};
  }

  ReadOutcome Take(const ReadTask& task) override {
    // In a block of exactly its size; with room for half a share as well.
    accepted_.assign(setting_.maxEntries % 32, 0);
    acceptedCount_ = 0;
    return TakeFrames(intake_, lane_, task, accepted_);
  }

  void Taken(const PlainSubmission& seen, Refusal refusal, const ReadOutcome&) override {
    if (refusal != Refusal::kNone) {
      const std::string code = CodeOf(static_cast<std::size_t>(refusal));
      const std::string header = {'\0', '\x80', '\x1d', static_cast<char>(9 + code.size()), '\0', '\0'};
      expectedAnswers_ += header + seen.id + static_cast<char>(code.size()) + code;
      return;
    }
    const std::vector<std::uint8_t> id(seen.id.begin(), seen.id.end());
    CHECK(acceptedCount_ + 2 <= accepted_.size());
    CHECK(accepted_[acceptedCount_++] == seen.granted->tag);
    CHECK(accepted_[acceptedCount_++] == WordAt(id, 4));
  }

  std::string TakeExpectedAnswers() override { return std::exchange(expectedAnswers_, {}); }

  bool Fits(const PlainSubmission&, const ReadOutcome& outcome, std::size_t answerRoom) const override {
    return accepted_.size() >= 2 * (outcome.records + 1) && answerRoom >= kLongestError;
  }

  struct Made {
    std::uint8_t salt;
    std::shared_ptr<const PreparedJob> job;
  };

  std::array<Made, 3> prepared_;
  FrameLane lane_;
  std::map<std::size_t, PlainGrant> granted_;
  std::vector<std::uint32_t> accepted_;
  std::size_t acceptedCount_ = 0;
  std::string expectedAnswers_;
};

void Test(Input input) {
  const IntakeSetting setting = MakeSetting(input);
  const std::vector<std::uint8_t> frames = input.Rest();
  const auto kernels = UsableKernels();
  FrameReading(*kernels[setting.tags / 16 % kernels.size()], setting, frames).Run();
}

const Target kTarget("frame_intake", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
