#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace penstock {

#if defined(__x86_64__)

namespace {

// Leaf 1, ecx.
constexpr unsigned kSsse3 = 1u << 9;
constexpr unsigned kSse41 = 1u << 19;
constexpr unsigned kSse42 = 1u << 20;
constexpr unsigned kOsXsave = 1u << 27;
// Leaf 7, ebx.
constexpr unsigned kAvx2 = 1u << 5;
constexpr unsigned kAvx512F = 1u << 16;
constexpr unsigned kSha = 1u << 29;
constexpr unsigned kAvx512Vl = 1u << 31;
// XCR0: registers that the system saves.
constexpr std::uint32_t kXmmState = 1u << 1;
constexpr std::uint32_t kYmmState = kXmmState | 1u << 2;
/// Masks, upper halves of the first sixteen registers, and the other sixteen.
constexpr std::uint32_t kZmmState = kYmmState | 1u << 5 | 1u << 6 | 1u << 7;

/// Without xgetbv the system saves the XMM registers, which the ABI of x86-64 needs, and no others.
std::uint32_t SavedState(unsigned leaf1Ecx) {
  if ((leaf1Ecx & kOsXsave) == 0) return kXmmState;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

CpuFeatures DetectCpu() {
  unsigned eax = 0;
  unsigned leaf7 = 0;
  unsigned leaf1 = 0;
  unsigned unused = 0;
  if (__get_cpuid(1, &eax, &unused, &leaf1, &unused) == 0) return {};
  // Leaves leaf7 as it is on a processor that has no leaf 7.
  __get_cpuid_count(7, 0, &eax, &leaf7, &unused, &unused);
  const std::uint32_t saved = SavedState(leaf1);
  const auto has = [saved](std::uint32_t state, unsigned leaf, unsigned bits) {
    return (saved & state) == state && (leaf & bits) == bits;
  };
  CpuFeatures features;
  features.sse42 = has(kXmmState, leaf1, kSse42);
  features.sha = has(kXmmState, leaf1, kSsse3 | kSse41) && has(kXmmState, leaf7, kSha);
  features.avx2 = has(kYmmState, leaf7, kAvx2);
  features.avx512 = has(kZmmState, leaf7, kAvx2 | kAvx512F | kAvx512Vl);
  return features;
}

#elif defined(__aarch64__) && defined(__linux__)

CpuFeatures DetectCpu() {
  CpuFeatures features;
  features.armSha2 = (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
  return features;
}

#elif defined(__aarch64__) && defined(__APPLE__)

/// Every Apple processor that runs macOS has them.
CpuFeatures DetectCpu() {
  CpuFeatures features;
  features.armSha2 = true;
  return features;
}

#else

CpuFeatures DetectCpu() { return {}; }

#endif

}  // namespace penstock
