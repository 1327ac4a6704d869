#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sse::bench {

// Counts values in buckets of a relative width of 1/128, so that a quantile is off by less than 0.8 %. Of fixed size and without
// pointers: it lives in memory that processes share, each written by one of them.
class Histogram {
 public:
  void add(int64_t value) {
    auto v = value > 0 ? static_cast<uint64_t>(value) : 0;
    ++buckets_[index(v)];
    ++count_;
    if (v > max_) {
      max_ = v;
    }
  }

  void merge(const Histogram& other) {
    for (size_t i = 0; i < kBuckets; ++i) {
      buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    max_ = other.max_ > max_ ? other.max_ : max_;
  }

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }

  // Nothing when fewer than ten values lie beyond the quantile: then it would be an accident.
  std::optional<double> quantile(double q) const {
    if (static_cast<double>(count_) * (1 - q) < kLeastBeyond) {
      return std::nullopt;
    }
    auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen >= rank) {
        return middle(i);
      }
    }
    return static_cast<double>(max_);
  }

 private:
  static constexpr unsigned kBits = 7;
  static constexpr size_t kSteps = size_t{1} << kBits;
  static constexpr size_t kBuckets = (64 - kBits + 1) * kSteps;
  static constexpr double kLeastBeyond = 9.999;  // 10, but for the rounding of 1 - q

  // Values below kSteps have a bucket each; above, every power of two has kSteps buckets.
  static size_t index(uint64_t value) {
    if (value < kSteps) {
      return value;
    }
    unsigned shift = 63U - static_cast<unsigned>(__builtin_clzll(value)) - kBits;
    return (shift + 1) * kSteps + ((value >> shift) - kSteps);
  }

  static double middle(size_t index) {
    if (index < kSteps) {
      return static_cast<double>(index);
    }
    size_t shift = index / kSteps - 1;
    return std::ldexp(static_cast<double>(kSteps + index % kSteps) + 0.5, static_cast<int>(shift));
  }

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace sse::bench
