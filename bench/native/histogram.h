#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace bench {

/// Durations in nanoseconds, kept to within 1.6 %: 64 buckets for each power of two. Recording costs a few cycles.
class Histogram {
 public:
  void Record(std::uint64_t nanoseconds) {
    counts_[BucketOf(nanoseconds)]++;
    total_++;
    max_ = std::max(max_, nanoseconds);
  }

  /// Upper end of the bucket where this fraction of all durations is reached; 0 if there are none.
  std::uint64_t Percentile(double fraction) const {
    const auto wanted = static_cast<std::uint64_t>(fraction * static_cast<double>(total_));
    std::uint64_t passed = 0;
    for (std::size_t i = 0; i < counts_.size(); i++) {
      passed += counts_[i];
      if (passed > wanted) return std::min(EndOf(i), max_);
    }
    return max_;
  }

  std::uint64_t max() const { return max_; }

 private:
  static constexpr std::size_t kSteps = 64;

  static std::size_t BucketOf(std::uint64_t value) {
    if (value < kSteps) return value;
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;
    return kSteps * (shift + 1) + ((value >> shift) - kSteps);
  }

  static std::uint64_t EndOf(std::size_t bucket) {
    if (bucket < kSteps) return bucket;
    const std::size_t shift = bucket / kSteps - 1;
    return ((bucket % kSteps + kSteps + 1) << shift) - 1;
  }

  std::array<std::uint32_t, kSteps * 59> counts_ = {};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace bench
