#pragma once

#include <string_view>

#include "bytes.h"

namespace penstock {

using Sha256State = std::array<std::uint32_t, 8>;

inline constexpr Sha256State kSha256Initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/// One header to search: all that does not change with the nonce.
struct ScanJob {
  /// State after the header's first 64 bytes.
  Sha256State midstate;
  /// Header bytes 64..75 as big-endian words: end of the merkle root, time, bits.
  std::array<std::uint32_t, 3> words;
  /// Most significant 32 bits of the target.
  std::uint32_t topLimit;
};

/// What the 64 rounds add for one block: constants plus expanded words. A block that is hashed often is expanded once.
using Sha256Schedule = std::array<std::uint32_t, 64>;

/// From the coinbases of one job to its merkle roots: all that does not change with the extranonces.
struct RootJob {
  /// State after the coinbase's blocks before the extranonces.
  Sha256State midstate;
  /// How many blocks the extranonces lie in: these are each coinbase's own.
  std::size_t ownBlocks;
  /// The blocks behind them, with the padding.
  std::span<const Sha256Schedule> commonBlocks;
  /// Elements of 32 bytes, deepest first.
  Bytes branch;
};

/// One way to compute SHA-256. All kernels agree bit by bit; sha256.cpp tests each before its first use.
struct Sha256Kernel {
  const char* name;
  /// Whether this processor can run it.
  bool (*supported)();
  /// Folds blocks (a multiple of 64 bytes) into the state.
  void (*compress)(Sha256State& state, Bytes blocks);
  /// Double SHA-256 of n messages of 64 bytes, back to back: a merkle step. `out` is n * 32 bytes and may be the
  /// beginning of `in`.
  void (*double64)(std::span<std::uint8_t> out, Bytes in);
  /// Double SHA-256 of n block headers of 80 bytes, back to back, to n * 32 bytes that do not overlap them.
  void (*double80)(std::span<std::uint8_t> out, Bytes headers);
  /// Merkle roots of n coinbases, n * 32 bytes; `own` are their own blocks, n * ownBlocks * 64 bytes back to back.
  void (*roots)(std::span<std::uint8_t> out, const RootJob& job, Bytes own);
  /// First nonce in [first, end) whose hash has its top 32 bits <= job.topLimit, or `end`. end <= 2^32.
  std::uint64_t (*scan)(const ScanJob& job, std::uint64_t first, std::uint64_t end);
};

/// Kernels that this processor can run and that passed their self-test, best first. Computed once; never empty:
/// throws std::runtime_error if not even the portable one computes SHA-256.
std::span<const Sha256Kernel* const> UsableKernels();

/// A usable kernel by name, or nullptr.
const Sha256Kernel* FindKernel(std::string_view name);

/// Whether the kernel gives the known answers; false for one that this processor cannot run.
bool SelfTest(const Sha256Kernel& kernel);

Hash Sha256(const Sha256Kernel& kernel, Bytes data);
Hash Sha256d(const Sha256Kernel& kernel, Bytes data);

/// SHA-256's padding for a message of `totalLength` bytes whose last, incomplete block is `rest` (0..63 bytes), which
/// comes first in the result. Returns how many bytes of `out` are used: 64 or 128.
std::size_t PadLastBlock(std::span<std::uint8_t, 128> out, Bytes rest, std::uint64_t totalLength);

Sha256Schedule ScheduleOf(FixedBytes<64> block);

Hash DigestOf(const Sha256State& state);

}  // namespace penstock
