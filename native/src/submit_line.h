#pragma once

#include <optional>

#include "bytes.h"

namespace penstock {

/// A job's name on the wire: see src/protocol/v1/job-id.ts.
struct JobName {
  std::uint64_t number;
  std::uint8_t variant;
  bool operator==(const JobName&) const = default;

  /// As one number: all digits of the wire.
  std::uint64_t wire() const { return number << 8 | variant; }
};

/// One mining.submit of Stratum V1. The spans lie in the line.
struct SubmitLine {
  /// The request's id as it stands in the line: digits, or a string with its quotes.
  Bytes id;
  /// Without quotes.
  Bytes user;
  JobName job;
  std::array<std::uint8_t, 8> extranonce2;
  std::uint32_t ntime;
  std::uint32_t nonce;
  /// 0 if the line has none.
  std::uint32_t versionBits;
};

/// Lines that are longer are never usual.
inline constexpr std::size_t kMaxUsualLine = 1024;
/// Digits or characters of an id, quotes included; src/protocol/v1/line.ts allows as many.
inline constexpr std::size_t kMaxIdLength = 64;

/// Reads a line, given without its newline, if it is a mining.submit as devices send it: an object with just `id`,
/// `method` and `params` in any order, strings of printable ASCII without escapes, five or six parameters, each of them
/// right. Anything else gives nullopt, which says nothing about its worth: src/protocol/v1/submit.ts is the reference
/// and decides then. What both read, both read alike.
std::optional<SubmitLine> ParseSubmitLine(Bytes line);

}  // namespace penstock
