#pragma once

#include <string_view>

#include "bytes.h"

namespace penstock {

/// Length of a record without its strings, and the most that it can have: src/journal/format.ts draws the layout.
inline constexpr std::size_t kRecordFixedLength = 128;
inline constexpr std::size_t kMaxRecordText = 255;
inline constexpr std::size_t kMaxRecordLength = (kRecordFixedLength + 2 * kMaxRecordText + 7) / 8 * 8;

/// As journals have it: see src/journal/codec.ts.
enum class Protocol : std::uint8_t { kV1 = 1, kV2 = 2 };

/// One accepted share that is no block, for the journal; strings of at most kMaxRecordText bytes.
struct ShareRecord {
  std::uint32_t epoch;
  std::uint64_t sequence;
  /// How many records of the same group commit stand before it.
  std::uint32_t index;
  std::uint64_t timeMs;
  FixedBytes<32> hash;
  FixedBytes<32> target;
  /// u128, little-endian.
  FixedBytes<16> work;
  std::uint32_t height;
  Protocol protocol;
  /// Of work that paid the miner's own address: it counts in no window.
  bool solo;
  std::string_view account;
  std::string_view worker;
};

std::size_t ShareRecordLength(std::string_view account, std::string_view worker);

/// Writes the record with its checksum and returns its length; `out` must have room for it. The same bytes as those of
/// src/journal/codec.ts.
std::size_t WriteShareRecord(std::span<std::uint8_t> out, const ShareRecord& record);

}  // namespace penstock
