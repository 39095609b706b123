#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "job.h"
#include "miner.h"

namespace bench {

/// What a miner is told by mining.notify, as far as a generator needs it.
struct Work {
  std::string jobId;
  std::string ntime;
  std::uint32_t ntimeValue;
  std::shared_ptr<const penstock::PreparedJob> job;
};

/// What has to be known of a mining.notify at once; views into the line.
struct NotifyHead {
  std::string_view previousHash;
  bool hasTransactions;
  bool clean;
};

/// These take lines as the pool writes them ("params" last), not any JSON. They throw std::runtime_error on others.
NotifyHead ReadNotifyHead(std::string_view line);
Work ReadNotify(const penstock::Sha256Kernel& kernel, std::string_view line);
double ReadDifficulty(std::string_view line);
std::array<std::uint8_t, penstock::kExtranonce1Length> ReadExtranonce1(std::string_view subscribeAnswer);

/// floor(0xffff * 2^208 / difficulty) for the exact double, at most 2^256 - 1; little-endian.
penstock::Hash TargetOf(double difficulty);

/// Shares that meet the target, with extranonce2 = first, first + 1, …
void MakeShares(const penstock::Sha256Kernel& kernel, const Work& work,
                const std::array<std::uint8_t, penstock::kExtranonce1Length>& extranonce1,
                const penstock::Hash& target, std::uint32_t first, std::span<Share> shares);

}  // namespace bench
