#pragma once

#include "bytes.h"

namespace penstock {

/// Writes all bytes at an offset of a file, however the kernel cuts them, and, if asked, has them on the disk when it
/// returns (fdatasync). Blocks. Returns 0, or the number of the error (errno) of the call that failed.
int WriteToDisk(int file, Bytes bytes, std::uint64_t offset, bool sync);

}  // namespace penstock
