#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace penstock {

// x86-64 and arm64: words are read and written as they stand in memory.
static_assert(std::endian::native == std::endian::little);

using Bytes = std::span<const std::uint8_t>;
template <std::size_t Length>
using FixedBytes = std::span<const std::uint8_t, Length>;

/// 32 bytes in internal order, the order in which SHA-256 yields them; as an integer little-endian.
using Hash = std::array<std::uint8_t, 32>;

inline std::uint32_t ReadLe32(FixedBytes<4> bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

inline std::uint64_t ReadLe64(FixedBytes<8> bytes) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

inline std::uint32_t ReadBe32(FixedBytes<4> bytes) { return __builtin_bswap32(ReadLe32(bytes)); }

inline void WriteLe32(std::span<std::uint8_t, 4> bytes, std::uint32_t value) {
  std::memcpy(bytes.data(), &value, sizeof value);
}

inline void WriteBe32(std::span<std::uint8_t, 4> bytes, std::uint32_t value) {
  WriteLe32(bytes, __builtin_bswap32(value));
}

/// Copies all of `from` to the start of `to`, which must be at least as long.
inline void CopyBytes(std::span<std::uint8_t> to, Bytes from) {
  // memcpy wants valid pointers even for nothing, and an empty span may hold none.
  if (!from.empty()) std::memcpy(to.first(from.size()).data(), from.data(), from.size());
}

}  // namespace penstock
