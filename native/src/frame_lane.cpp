#include "frame_lane.h"

#include "answers.h"

namespace penstock {
namespace {

/// A connection with more has them granted anew from time to time.
constexpr std::size_t kMaxLaneChannels = 4096;

constexpr std::uint8_t kErrorType = 0x1d;

class Frames final : public Submissions {
 public:
  Frames(const Intake& intake, FrameLane& lane, std::span<std::uint8_t> answers, std::span<std::uint32_t> accepted)
      : intake_(intake),
        lane_(lane),
        answers_(answers),
        accepted_(accepted),
        longestCode_(LongestOf(intake.errorCodes)) {}

  bool Cut(Bytes bytes, Submitted& submitted) override {
    const auto frame = CutSubmitFrame(bytes);
    if (!frame.has_value()) return false;
    FrameLane::Channel* channel = ChannelOf(frame->channelId);
    GrantedJob* job = channel == nullptr ? nullptr : channel->jobs.Find(frame->jobId);
    if (job == nullptr || job->extranonce2.has_value() == frame->extended) return false;
    const PreparedJob& prepared = *job->prepared;
    if (frame->extended && frame->extranonce.size() != prepared.extranonce2Length()) return false;
    submitted = {.length = frame->length,
                 .id = frame->id,
                 .terms = &channel->owner.terms,
                 .job = job,
                 .extranonce2 = job->extranonce2.value_or(Extranonce2{}),
                 .ntime = frame->ntime,
                 .nonce = frame->nonce,
                 .version = frame->version,
                 .versionBits = frame->version ^ prepared.version(),
                 .account = channel->owner.account,
                 .worker = channel->owner.worker};
    CopyBytes(submitted.extranonce2, frame->extranonce);
    return true;
  }

  bool HasRoom(const Submitted&) const override {
    return acceptedCount_ + 2 <= accepted_.size() && answers_.HasRoom(ErrorLength(longestCode_));
  }

  void Answer(const Submitted& submitted, Refusal refusal) override {
    if (refusal == Refusal::kNone) {
      accepted_[acceptedCount_++] = submitted.job->tag;
      accepted_[acceptedCount_++] = ReadLe32(submitted.id.subspan<4, 4>());
      return;
    }
    const std::string& code = intake_.errorCodes[static_cast<std::size_t>(refusal)];
    const std::size_t payload = ErrorLength(code.size()) - kFrameHeaderLength;
    const std::array<std::uint8_t, kFrameHeaderLength> header = {0,
                                                                 kChannelMessageBit >> 8,
                                                                 kErrorType,
                                                                 static_cast<std::uint8_t>(payload),
                                                                 static_cast<std::uint8_t>(payload >> 8),
                                                                 0};
    const std::array<std::uint8_t, 1> codeLength = {static_cast<std::uint8_t>(code.size())};
    answers_.Append(Bytes(header));
    answers_.Append(submitted.id);
    answers_.Append(Bytes(codeLength));
    answers_.Append(code);
  }

  std::size_t answerBytes() const override { return answers_.used(); }

 private:
  static std::size_t ErrorLength(std::size_t code) { return kFrameHeaderLength + 8 + 1 + code; }

  /// Neighbours are often of one channel.
  FrameLane::Channel* ChannelOf(std::uint32_t channelId) {
    if (lastChannel_ == nullptr || lastChannelId_ != channelId) {
      lastChannel_ = lane_.Find(channelId);
      lastChannelId_ = channelId;
    }
    return lastChannel_;
  }

  const Intake& intake_;
  FrameLane& lane_;
  Answers answers_;
  const std::span<std::uint32_t> accepted_;
  std::size_t acceptedCount_ = 0;
  const std::size_t longestCode_;
  FrameLane::Channel* lastChannel_ = nullptr;
  std::uint32_t lastChannelId_ = 0;
};

}  // namespace

void FrameLane::Grant(std::uint32_t channelId, Owner owner, GrantedJob job) {
  if (channels_.size() >= kMaxLaneChannels && !channels_.contains(channelId)) channels_.clear();
  Channel& channel = channels_[channelId];
  if (channel.owner != owner) {
    channel.jobs.Clear();
    channel.owner = std::move(owner);
  }
  channel.jobs.Grant(std::move(job));
}

void FrameLane::Forget(std::uint32_t channelId) { channels_.erase(channelId); }

void FrameLane::ForgetAll() { channels_.clear(); }

FrameLane::Channel* FrameLane::Find(std::uint32_t channelId) {
  const auto found = channels_.find(channelId);
  return found == channels_.end() ? nullptr : &found->second;
}

ReadOutcome TakeFrames(const Intake& intake, FrameLane& lane, const ReadTask& task, std::span<std::uint32_t> accepted) {
  Frames frames(intake, lane, task.answers, accepted);
  return TakeAll(intake, Protocol::kV2, frames, task);
}

}  // namespace penstock
