#if defined(__x86_64__)

// g++ 12 takes the undefined registers that its own intrinsics begin with for mistakes.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
// The order of additions below is the one that waits least: g++'s own costs a tenth.
#pragma GCC optimize("no-tree-reassoc", "no-schedule-insns2")
#endif

#include "cpu.h"
#include "sha256_lanes.h"
#include "sha256_transpose.h"

// Sixteen messages in the lanes of AVX-512, or eight in half of them: rotations and functions of three words are one
// instruction each. Fewer messages are left to another kernel.
namespace penstock {
namespace {

// Truth tables of functions of three bits, as vpternlogd takes them.
constexpr int kXor = 0x96;
constexpr int kChoose = 0xca;
constexpr int kMajority = 0xe8;

struct Sixteen {
  static constexpr std::size_t kLanes = 16;
  using Words = std::uint32_t __attribute__((vector_size(64)));

  template <int Table>
  static KERNEL_INLINE Words Logic(Words a, Words b, Words c) {
    return (Words)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, Table);
  }
  static KERNEL_INLINE Words Spread(std::uint32_t word) { return Words{} + word; }
  template <int N>
  static KERNEL_INLINE Words Rotate(Words x) {
    return (Words)_mm512_ror_epi32((__m512i)x, N);
  }
  static KERNEL_INLINE Words Xor(Words a, Words b, Words c) { return Logic<kXor>(a, b, c); }
  static KERNEL_INLINE Words Choose(Words e, Words f, Words g) { return Logic<kChoose>(e, f, g); }
  static KERNEL_INLINE Words Majority(Words a, Words b, Words c) { return Logic<kMajority>(a, b, c); }

  static KERNEL_INLINE void Load(Words* words, const std::uint8_t* in, std::size_t stride) {
    __m256i low[8];
    __m256i high[8];
    LoadTransposed(low, in, stride);
    LoadTransposed(high, in + 8 * stride, stride);
    for (std::size_t i = 0; i < 8; i++) {
      words[i] = (Words)_mm512_inserti64x4(_mm512_castsi256_si512(low[i]), high[i], 1);
    }
  }
  static KERNEL_INLINE void Store(const Words* words, std::uint8_t* out) {
    __m256i low[8];
    __m256i high[8];
    for (std::size_t i = 0; i < 8; i++) {
      low[i] = _mm512_castsi512_si256((__m512i)words[i]);
      high[i] = _mm512_extracti64x4_epi64((__m512i)words[i], 1);
    }
    StoreTransposed(low, out);
    StoreTransposed(high, out + 8 * 32);
  }
};

struct Eight {
  static constexpr std::size_t kLanes = 8;
  using Words = std::uint32_t __attribute__((vector_size(32)));

  template <int Table>
  static KERNEL_INLINE Words Logic(Words a, Words b, Words c) {
    return (Words)_mm256_ternarylogic_epi32((__m256i)a, (__m256i)b, (__m256i)c, Table);
  }
  static KERNEL_INLINE Words Spread(std::uint32_t word) { return Words{} + word; }
  template <int N>
  static KERNEL_INLINE Words Rotate(Words x) {
    return (Words)_mm256_ror_epi32((__m256i)x, N);
  }
  static KERNEL_INLINE Words Xor(Words a, Words b, Words c) { return Logic<kXor>(a, b, c); }
  static KERNEL_INLINE Words Choose(Words e, Words f, Words g) { return Logic<kChoose>(e, f, g); }
  static KERNEL_INLINE Words Majority(Words a, Words b, Words c) { return Logic<kMajority>(a, b, c); }

  static KERNEL_INLINE void Load(Words* words, const std::uint8_t* in, std::size_t stride) {
    __m256i rows[8];
    LoadTransposed(rows, in, stride);
    for (std::size_t i = 0; i < 8; i++) words[i] = (Words)rows[i];
  }
  static KERNEL_INLINE void Store(const Words* words, std::uint8_t* out) {
    __m256i rows[8];
    for (std::size_t i = 0; i < 8; i++) rows[i] = (__m256i)words[i];
    StoreTransposed(rows, out);
  }
};

bool Supported() { return DetectCpu().avx512; }
bool SupportedWithShaNi() { return DetectCpu().avx512 && DetectCpu().sha; }

using Lanes16 = LaneGroup<Sixteen>;
using Lanes8 = LaneGroup<Eight>;

}  // namespace

const Sha256Kernel kSha256Avx512 =
    GroupKernel<RestBy<kSha256Portable>, Use<Lanes16, 9>, Use<Lanes8, 2>>::Table("avx512", Supported);
const Sha256Kernel kSha256Avx512ShaNi =
    GroupKernel<RestBy<kSha256ShaNi>, Use<Lanes16, 15>>::Table("avx512+sha-ni", SupportedWithShaNi);

}  // namespace penstock

#endif
