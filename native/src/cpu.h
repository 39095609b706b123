#pragma once

namespace penstock {

/// What both the processor and the operating system let us use; all false on anything but x86-64.
struct CpuFeatures {
  bool sse42 = false;
  bool sha = false;
};

CpuFeatures DetectCpu();

}  // namespace penstock
