#pragma once

#include <optional>

#include "sha256.h"

namespace penstock {

/// First of `count` nonces from `first` on whose header hash is <= target; nothing beyond 2^32 is asked. The header's
/// own nonce is ignored.
std::optional<std::uint32_t> ScanNonces(const Sha256Kernel& kernel, FixedBytes<80> header, FixedBytes<32> target,
                                        std::uint32_t first, std::uint64_t count);

}  // namespace penstock
