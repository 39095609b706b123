#pragma once

#include "bytes.h"

namespace penstock {

/// a <= b for 256-bit integers, little-endian. The whole width: no tolerance, no floating point.
inline bool LessOrEqual(FixedBytes<32> a, FixedBytes<32> b) {
  for (std::size_t offset = 32; offset > 0;) {
    offset -= 8;
    const std::uint64_t left = ReadLe64(a.subspan(offset).first<8>());
    const std::uint64_t right = ReadLe64(b.subspan(offset).first<8>());
    if (left != right) return left < right;
  }
  return true;
}

}  // namespace penstock
