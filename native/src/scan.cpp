#include "scan.h"

#include <algorithm>

#include "u256.h"

namespace penstock {

std::optional<std::uint32_t> ScanNonces(const Sha256Kernel& kernel, FixedBytes<80> header, FixedBytes<32> target,
                                        std::uint32_t first, std::uint64_t count) {
  ScanJob job = {kSha256Initial, {}, ReadLe32(target.last<4>())};
  kernel.compress(job.midstate, header.first<64>());
  for (std::size_t i = 0; i < job.words.size(); i++) job.words[i] = ReadBe32(header.subspan(64 + i * 4).first<4>());

  std::array<std::uint8_t, 80> candidate;
  CopyBytes(candidate, header);
  const std::uint64_t end = first + std::min(count, (std::uint64_t{1} << 32) - first);
  for (std::uint64_t nonce = first; nonce < end; nonce++) {
    // The kernel looks at the top word only; what passes it is hashed again and compared in full.
    nonce = kernel.scan(job, nonce, end);
    if (nonce == end) break;
    WriteLe32(std::span(candidate).last<4>(), static_cast<std::uint32_t>(nonce));
    Hash hash;
    kernel.double80(hash, candidate);
    if (LessOrEqual(hash, target)) return static_cast<std::uint32_t>(nonce);
  }
  return std::nullopt;
}

}  // namespace penstock
