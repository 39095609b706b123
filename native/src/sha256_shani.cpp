#if defined(__x86_64__)

#include <immintrin.h>

#include "cpu.h"
#include "sha256_streams.h"

// The SHA extensions of x86: two messages at a time, or always one.
namespace penstock {
namespace {

struct ShaNi {
  using Words = __m128i;
  /// As sha256rnds2 wants it: words {f, e, b, a} and {h, g, d, c}, lowest first.
  struct State {
    __m128i abef;
    __m128i cdgh;
  };

  static KERNEL_INLINE State Pack(Words abcd, Words efgh) {
    const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1);
    const __m128i hgfe = _mm_shuffle_epi32(efgh, 0x1b);
    return {_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xf0)};
  }

  static KERNEL_INLINE void Unpack(const State& state, Words& abcd, Words& efgh) {
    const __m128i abef = _mm_shuffle_epi32(state.abef, 0x1b);
    const __m128i ghcd = _mm_shuffle_epi32(state.cdgh, 0xb1);
    abcd = _mm_blend_epi16(abef, ghcd, 0xf0);
    efgh = _mm_alignr_epi8(ghcd, abef, 8);
  }

  static KERNEL_INLINE Words Set(std::uint32_t w0, std::uint32_t w1, std::uint32_t w2, std::uint32_t w3) {
    return _mm_set_epi32(static_cast<int>(w3), static_cast<int>(w2), static_cast<int>(w1), static_cast<int>(w0));
  }

  static KERNEL_INLINE Words SwapWordBytes(Words words) {
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  }
  static KERNEL_INLINE Words LoadRaw(const std::uint32_t* words) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
  }
  static KERNEL_INLINE void StoreRaw(Words words, std::uint32_t* out) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), words);
  }
  static KERNEL_INLINE Words Load(const std::uint8_t* in) {
    return SwapWordBytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in)));
  }
  static KERNEL_INLINE void Store(Words words, std::uint8_t* out) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), SwapWordBytes(words));
  }

  static KERNEL_INLINE Words Add(Words a, Words b) { return _mm_add_epi32(a, b); }
  static KERNEL_INLINE void AddTo(State& state, const State& other) {
    state.abef = _mm_add_epi32(state.abef, other.abef);
    state.cdgh = _mm_add_epi32(state.cdgh, other.cdgh);
  }

  static KERNEL_INLINE Words Expand(Words w, Words next, Words beforeLast, Words last) {
    const Words sum = _mm_add_epi32(_mm_sha256msg1_epu32(w, next), _mm_alignr_epi8(last, beforeLast, 4));
    return _mm_sha256msg2_epu32(sum, last);
  }

  static KERNEL_INLINE void FourRounds(State& state, Words sum) {
    state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sum);
    state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(sum, 0x0e));
  }
};

bool Supported() { return DetectCpu().sha; }

using One = StreamGroup<ShaNi, 1>;
using Two = StreamGroup<ShaNi, 2>;

}  // namespace

const Sha256Kernel kSha256ShaNi = GroupKernel<NoRest, Use<Two>, Use<One>>::Table("sha-ni", Supported);
const Sha256Kernel kSha256ShaNi1 = GroupKernel<NoRest, Use<One>>::Table("sha-ni-1", Supported);

}  // namespace penstock

#endif
