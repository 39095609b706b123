#if defined(__x86_64__)

#include "cpu.h"
#include "sha256_lanes.h"
#include "sha256_transpose.h"

// Eight messages in the lanes of AVX2, for processors that have nothing made for SHA-256.
namespace penstock {
namespace {

struct Avx2 {
  static constexpr std::size_t kLanes = 8;
  using Words = std::uint32_t __attribute__((vector_size(32)));

  static KERNEL_INLINE Words Spread(std::uint32_t word) { return Words{} + word; }
  template <int N>
  static KERNEL_INLINE Words Rotate(Words x) {
    return (x >> N) | (x << (32 - N));
  }
  static KERNEL_INLINE Words Xor(Words a, Words b, Words c) { return a ^ b ^ c; }
  static KERNEL_INLINE Words Choose(Words e, Words f, Words g) { return g ^ (e & (f ^ g)); }
  static KERNEL_INLINE Words Majority(Words a, Words b, Words c) { return (a & b) | (c & (a | b)); }

  static KERNEL_INLINE void Load(Words* words, const std::uint8_t* in, std::size_t stride) {
    __m256i rows[8];
    LoadTransposed(rows, in, stride);
    for (std::size_t i = 0; i < 8; i++) words[i] = reinterpret_cast<Words>(rows[i]);
  }
  static KERNEL_INLINE void Store(const Words* words, std::uint8_t* out) {
    __m256i rows[8];
    for (std::size_t i = 0; i < 8; i++) rows[i] = reinterpret_cast<__m256i>(words[i]);
    StoreTransposed(rows, out);
  }
};

bool Supported() { return DetectCpu().avx2; }

}  // namespace

const Sha256Kernel kSha256Avx2 = GroupKernel<RestBy<kSha256Portable>, Use<LaneGroup<Avx2>, 2>>::Table("avx2", Supported);

}  // namespace penstock

#endif
