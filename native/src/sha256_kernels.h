#pragma once

#include "sha256.h"

// The kernels' tables, one file each, and what they share. Only the kernels and sha256.cpp need this.
namespace penstock {

extern const Sha256Kernel kSha256Portable;
#if defined(__x86_64__)
extern const Sha256Kernel kSha256ShaNi;
extern const Sha256Kernel kSha256ShaNi1;
extern const Sha256Kernel kSha256Avx2;
extern const Sha256Kernel kSha256Avx512;
extern const Sha256Kernel kSha256Avx512ShaNi;
#elif defined(__aarch64__)
extern const Sha256Kernel kSha256Armv8;
extern const Sha256Kernel kSha256Armv8One;
#endif

/// The constants of the 64 rounds. Not constexpr: compilers make instructions of constants they know, where the kernels want
/// to add them from memory.
extern const std::array<std::uint32_t, 64> kSha256Rounds;
/// The block that pads a message of 64 bytes: half of a merkle step's first hash.
extern const Sha256Schedule kSchedulePadding64;

/// First word of the padding: a one bit after the message.
inline constexpr std::uint32_t kPaddingBit = 0x80000000;
/// Lengths in bits, as the last word of the padding.
inline constexpr std::uint32_t kBits32Bytes = 32 * 8;
inline constexpr std::uint32_t kBits64Bytes = 64 * 8;
inline constexpr std::uint32_t kBits80Bytes = 80 * 8;

}  // namespace penstock
