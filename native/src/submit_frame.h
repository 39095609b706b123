#pragma once

#include <optional>

#include "bytes.h"

namespace penstock {

/// What every frame of Stratum V2 begins with: extension, message type, length of the payload.
inline constexpr std::size_t kFrameHeaderLength = 6;
/// In the extension's field: the payload begins with a channel's id.
inline constexpr std::uint16_t kChannelMessageBit = 0x8000;

/// One SubmitSharesStandard or SubmitSharesExtended of Stratum V2. The spans lie in the frame.
struct SubmitFrame {
  /// Of the whole frame.
  std::size_t length;
  bool extended;
  /// Channel and sequence number, as SubmitShares.Error has them as well.
  Bytes id;
  std::uint32_t channelId;
  std::uint32_t jobId;
  std::uint32_t nonce;
  std::uint32_t ntime;
  std::uint32_t version;
  /// Only with an extended one: up to 32 bytes.
  Bytes extranonce;
};

/// The frame at the front of `bytes`, if it is whole and a share with nothing behind it. Anything else gives nullopt,
/// which says nothing about its worth: src/protocol/v2/submit-shares.ts and the codecs behind it decide then.
std::optional<SubmitFrame> CutSubmitFrame(Bytes bytes);

}  // namespace penstock
