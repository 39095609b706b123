#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "sha256_group.h"

// Eight rows of eight words with AVX2, turned so that a register holds the same word of eight messages, or back.
namespace penstock {
namespace {

KERNEL_INLINE void Transpose(__m256i (&rows)[8]) {
  __m256i pairs[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  __m256i fours[8];
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    rows[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
    rows[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
  }
}

KERNEL_INLINE __m256i SwapWordBytes(__m256i words) {
  return _mm256_shuffle_epi8(
      words, _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203)));
}

/// 32 bytes of each of eight messages, `stride` bytes apart.
KERNEL_INLINE void LoadTransposed(__m256i (&words)[8], const std::uint8_t* in, std::size_t stride) {
  for (std::size_t i = 0; i < 8; i++) {
    words[i] = SwapWordBytes(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i * stride)));
  }
  Transpose(words);
}

/// To eight times 32 bytes, back to back.
KERNEL_INLINE void StoreTransposed(__m256i (&words)[8], std::uint8_t* out) {
  Transpose(words);
  for (std::size_t i = 0; i < 8; i++) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i * 32), SwapWordBytes(words[i]));
  }
}

}  // namespace
}  // namespace penstock
