#include "crc32c.h"

#if defined(__x86_64__)

#include <nmmintrin.h>

namespace penstock {

std::uint32_t Crc32cSse42(Bytes data) {
  std::uint64_t wide = 0xffffffff;
  for (; data.size() >= 8; data = data.subspan(8)) wide = _mm_crc32_u64(wide, ReadLe64(data.first<8>()));
  auto crc = static_cast<std::uint32_t>(wide);
  for (const std::uint8_t byte : data) crc = _mm_crc32_u8(crc, byte);
  return ~crc;
}

}  // namespace penstock

#endif
