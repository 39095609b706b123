#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#endif

namespace penstock {

#if defined(__x86_64__)

namespace {

constexpr unsigned kSsse3 = 1u << 9;    // leaf 1, ecx
constexpr unsigned kSse41 = 1u << 19;   // leaf 1, ecx
constexpr unsigned kSse42 = 1u << 20;   // leaf 1, ecx
constexpr unsigned kOsXsave = 1u << 27; // leaf 1, ecx
constexpr unsigned kSha = 1u << 29;     // leaf 7, ebx
constexpr std::uint32_t kXmmState = 1u << 1;

/// Whether the system saves the XMM registers: always with the ABI of x86-64, unless XCR0 says otherwise.
bool SystemSavesXmm(unsigned leaf1Ecx) {
  if ((leaf1Ecx & kOsXsave) == 0) return true;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & kXmmState) != 0;
}

}  // namespace

CpuFeatures DetectCpu() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || !SystemSavesXmm(ecx)) return {};
  const bool shuffles = (ecx & kSsse3) != 0 && (ecx & kSse41) != 0;
  CpuFeatures features;
  features.sse42 = (ecx & kSse42) != 0;
  features.sha = shuffles && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & kSha) != 0;
  return features;
}

#else

CpuFeatures DetectCpu() { return {}; }

#endif

}  // namespace penstock
