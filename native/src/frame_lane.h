#pragma once

#include <string>
#include <unordered_map>

#include "intake.h"
#include "submit_frame.h"

namespace penstock {

/// Shares of one V2 connection that JavaScript has judged once, and whose like may be judged natively: jobs of its
/// channels.
class FrameLane {
 public:
  /// Who a channel is; others than before take its jobs back.
  struct Owner {
    MinerTerms terms;
    /// Strings of at most kMaxRecordText bytes.
    std::string account;
    std::string worker;
    bool operator==(const Owner&) const = default;
  };

  struct Channel {
    Owner owner;
    GrantedJobs jobs;
  };

  /// What other channels were granted stays, unless there are too many: then all is taken back first.
  /// @param job with an extranonce2, as long as it is there, for a standard channel; without for an extended one
  void Grant(std::uint32_t channelId, Owner owner, GrantedJob job);
  void Forget(std::uint32_t channelId);
  void ForgetAll();

  /// Valid until the next grant; nullptr if nothing is granted to it.
  Channel* Find(std::uint32_t channelId);

 private:
  std::unordered_map<std::uint32_t, Channel> channels_;
};

/// TakeAll of whole frames that lie back to back. Answers are those to refused shares.
/// @param accepted gets two numbers for each record: its job's tag, then the share's sequence number.
ReadOutcome TakeFrames(const Intake& intake, FrameLane& lane, const ReadTask& task, std::span<std::uint32_t> accepted);

}  // namespace penstock
