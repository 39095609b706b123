#pragma once

namespace penstock {

/// What both the processor and the operating system let us use.
struct CpuFeatures {
  // x86-64
  bool sse42 = false;
  bool sha = false;
  bool avx2 = false;
  /// With the vector length extension: the instructions are there for 256 bits as well.
  bool avx512 = false;
  // arm64
  bool armSha2 = false;
};

CpuFeatures DetectCpu();

}  // namespace penstock
