#include "submit_frame.h"

namespace penstock {
namespace {

constexpr std::uint8_t kStandardType = 0x1a;
constexpr std::uint8_t kExtendedType = 0x1b;
constexpr std::size_t kStandardLength = 24;
constexpr std::size_t kMaxExtranonce = 32;
constexpr std::size_t kIdLength = 8;

}  // namespace

std::optional<SubmitFrame> CutSubmitFrame(Bytes bytes) {
  if (bytes.size() < kFrameHeaderLength + kStandardLength) return std::nullopt;
  const std::uint8_t type = bytes[2];
  // Extension 0, and about a channel.
  if (bytes[0] != 0 || bytes[1] != kChannelMessageBit >> 8 || (type != kStandardType && type != kExtendedType)) {
    return std::nullopt;
  }
  const std::size_t length = bytes[3] | std::size_t{bytes[4]} << 8 | std::size_t{bytes[5]} << 16;
  if (bytes.size() - kFrameHeaderLength < length) return std::nullopt;
  const Bytes payload = bytes.subspan(kFrameHeaderLength, length);
  const bool extended = type == kExtendedType;
  Bytes extranonce;
  if (extended) {
    if (length <= kStandardLength) return std::nullopt;
    extranonce = payload.subspan(kStandardLength + 1);
    if (extranonce.size() != payload[kStandardLength] || extranonce.size() > kMaxExtranonce) return std::nullopt;
  } else if (length != kStandardLength) {
    return std::nullopt;
  }
  return SubmitFrame{.length = kFrameHeaderLength + length,
                     .extended = extended,
                     .id = payload.first(kIdLength),
                     .channelId = ReadLe32(payload.subspan<0, 4>()),
                     .jobId = ReadLe32(payload.subspan<8, 4>()),
                     .nonce = ReadLe32(payload.subspan<12, 4>()),
                     .ntime = ReadLe32(payload.subspan<16, 4>()),
                     .version = ReadLe32(payload.subspan<20, 4>()),
                     .extranonce = extranonce};
}

}  // namespace penstock
