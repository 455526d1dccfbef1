// What the tests of the kernels share: counted checks, errors, numbers, workspaces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "../cpu/isa.h"

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

inline int passed = 0, failed = 0;

// Counts a check, and says whether it failed.
inline bool fails(bool ok) {
  (ok ? passed : failed)++;
  return !ok;
}

// Says how many checks passed. A program ends with this.
inline int summary(const char* kernel) {
  std::printf("%s: %d checks passed, %d failed\n", kernel, passed, failed);
  return failed == 0 ? 0 : 1;
}

// ‖a − b‖ / ‖b‖, or ‖a‖ where b is zero. `least` is how small ‖b‖ counts at most: sums may be small by chance.
inline double error(const Floats& a, const Doubles& b, double least = 0) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) difference += (a[i] - b[i]) * (a[i] - b[i]), norm += b[i] * b[i];
  norm = std::max(norm, least * least);
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

// Normal numbers.
inline Floats drawn(int64_t count, std::mt19937& random, double deviation = 1) {
  std::normal_distribution<float> normal;
  Floats values(count);
  for (float& value : values) value = float(normal(random) * deviation);
  return values;
}

// 64-byte aligned, with no room to spare: AddressSanitizer sees what lies outside. Filled with NaN, so that what is
// read unwritten shows.
struct Workspace {
  float* at;

  explicit Workspace(size_t count) {
    const size_t floats = std::max<size_t>((count + 15) / 16 * 16, 16);
    at = static_cast<float*>(std::aligned_alloc(64, floats * 4));
    std::fill(at, at + floats, std::nanf(""));
  }
  Workspace(const Workspace&) = delete;
  ~Workspace() { std::free(at); }
};
