#pragma once

#include "job.h"
#include "seen_window.h"

namespace penstock {

/// Layout of the bytes that cross the border; src/native/layout.ts has the same numbers, and a test compares them.
struct SubmissionLayout {
  static constexpr std::size_t kSize = 80;
  static constexpr std::size_t kExtranonce1 = 0;
  static constexpr std::size_t kExtranonce2 = 4;
  static constexpr std::size_t kNtime = 20;
  static constexpr std::size_t kNonce = 24;
  static constexpr std::size_t kVersion = 28;
  static constexpr std::size_t kVersionMask = 32;
  static constexpr std::size_t kFlags = 36;
  static constexpr std::size_t kNtimeMin = 40;
  static constexpr std::size_t kNtimeMax = 44;
  static constexpr std::size_t kTarget = 48;
};

struct VerdictLayout {
  static constexpr std::size_t kSize = 112;
  static constexpr std::size_t kHash = 0;
  static constexpr std::size_t kHeader = 32;
};

inline constexpr std::uint32_t kStaleFlag = 1;
/// The version is the whole of the header's, as V2 submits it; without it, bits that are set in the job's.
inline constexpr std::uint32_t kWholeVersionFlag = 2;
/// Added to the refusal code when the hash meets the network target.
inline constexpr std::uint32_t kBlockFlag = 0x100;

/// In the order in which the rules are asked.
enum class Refusal : std::uint32_t {
  kNone = 0,
  kDuplicate,
  kStale,
  kNtimeOutOfRange,
  kVersionBitsNotAllowed,
  kLowDifficulty,
  kWindowFull,
};
inline constexpr std::size_t kRefusalCount = 7;

/// What the rules look at, besides the job and the hash.
struct Claim {
  std::uint32_t ntime;
  /// Beside the job's own.
  std::uint32_t ntimeMin;
  std::uint32_t ntimeMax;
  /// The submitted bits, or where a whole version differs from the job's.
  std::uint32_t versionBits;
  std::uint32_t versionMask;
  bool stale;
  FixedBytes<32> target;
};

struct Submission {
  std::array<std::uint8_t, kExtranonce1Length> extranonce1;
  Extranonce2 extranonce2;
  std::uint32_t ntime;
  std::uint32_t nonce;
  std::uint32_t version;
  std::uint32_t versionMask;
  bool stale;
  bool wholeVersion;
  std::uint32_t ntimeMin;
  std::uint32_t ntimeMax;
  Hash target;
};

struct Verdict {
  Hash hash;
  std::array<std::uint8_t, 80> header;
  Refusal refusal;
  /// The hash meets the network target, whatever the refusal.
  bool block;
};

Submission ReadSubmission(FixedBytes<SubmissionLayout::kSize> bytes);
void WriteVerdict(std::span<std::uint8_t, VerdictLayout::kSize> bytes, const Verdict& verdict);

/// Asks the rules; an accepted hash is added to `seen`, and only an accepted one.
Refusal Decide(const PreparedJob& job, SeenWindow& seen, const Hash& hash, const Claim& claim);

/// Judges one submission; an accepted hash is added to `seen`, and only an accepted one.
Verdict Judge(const Sha256Kernel& kernel, const PreparedJob& job, SeenWindow& seen, const Submission& submission);

}  // namespace penstock
