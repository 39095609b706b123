#pragma once

#include "bytes.h"

namespace penstock {

/// CRC-32C (Castagnoli, reflected, as in iSCSI, RFC 3720) of the data, by the processor's own instruction if it has one.
std::uint32_t Crc32c(Bytes data);

/// The same by table, on any processor.
std::uint32_t Crc32cTable(Bytes data);

#if defined(__x86_64__)
/// The same by SSE4.2's instruction; only where DetectCpu().sse42.
std::uint32_t Crc32cSse42(Bytes data);
#endif

}  // namespace penstock
