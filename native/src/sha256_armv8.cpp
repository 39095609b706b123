#if defined(__aarch64__)

#include <arm_neon.h>

#include "cpu.h"
#include "sha256_streams.h"

// The SHA-256 instructions of ARMv8's cryptographic extension: two messages at a time, or always one.
namespace penstock {
namespace {

struct Armv8 {
  using Words = uint32x4_t;
  struct State {
    uint32x4_t abcd;
    uint32x4_t efgh;
  };

  static KERNEL_INLINE State Pack(Words abcd, Words efgh) { return {abcd, efgh}; }
  static KERNEL_INLINE void Unpack(const State& state, Words& abcd, Words& efgh) {
    abcd = state.abcd;
    efgh = state.efgh;
  }

  static KERNEL_INLINE Words Set(std::uint32_t w0, std::uint32_t w1, std::uint32_t w2, std::uint32_t w3) {
    return Words{w0, w1, w2, w3};
  }

  static KERNEL_INLINE Words LoadRaw(const std::uint32_t* words) { return vld1q_u32(words); }
  static KERNEL_INLINE void StoreRaw(Words words, std::uint32_t* out) { vst1q_u32(out, words); }
  static KERNEL_INLINE Words Load(const std::uint8_t* in) { return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(in))); }
  static KERNEL_INLINE void Store(Words words, std::uint8_t* out) {
    vst1q_u8(out, vrev32q_u8(vreinterpretq_u8_u32(words)));
  }

  static KERNEL_INLINE Words Add(Words a, Words b) { return vaddq_u32(a, b); }
  static KERNEL_INLINE void AddTo(State& state, const State& other) {
    state.abcd = vaddq_u32(state.abcd, other.abcd);
    state.efgh = vaddq_u32(state.efgh, other.efgh);
  }

  static KERNEL_INLINE Words Expand(Words w, Words next, Words beforeLast, Words last) {
    return vsha256su1q_u32(vsha256su0q_u32(w, next), beforeLast, last);
  }

  static KERNEL_INLINE void FourRounds(State& state, Words sum) {
    const Words abcd = state.abcd;
    state.abcd = vsha256hq_u32(abcd, state.efgh, sum);
    state.efgh = vsha256h2q_u32(state.efgh, abcd, sum);
  }
};

bool Supported() { return DetectCpu().armSha2; }

using One = StreamGroup<Armv8, 1>;
using Two = StreamGroup<Armv8, 2>;

}  // namespace

const Sha256Kernel kSha256Armv8 = GroupKernel<NoRest, Use<Two>, Use<One>>::Table("armv8", Supported);
const Sha256Kernel kSha256Armv8One = GroupKernel<NoRest, Use<One>>::Table("armv8-1", Supported);

}  // namespace penstock

#endif
