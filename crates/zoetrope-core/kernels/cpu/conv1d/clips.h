// Where the clips of a convolution over time lie, and what its taps reach.
#pragma once

#include "../simd/simd.h"
#include "conv1d.h"

namespace zt::ZT_ISA {

ZT_INLINE int64_t begin_of(const zt_conv1d_shape& s, int64_t clip) {
  return s.offsets != nullptr ? s.offsets[clip] : clip * s.time;
}
ZT_INLINE int64_t rows_of(const zt_conv1d_shape& s) { return begin_of(s, s.batch); }

// The last of the numbers 0 … count - 1 whose first(number) is not behind `at`; first() ascends from a number not
// behind.
template <typename First>
ZT_INLINE int64_t last_before(int64_t count, int64_t at, const First& first) {
  int64_t low = 0, high = count;
  while (low + 1 < high) {
    const int64_t middle = (low + high) / 2;
    (first(middle) <= at ? low : high) = middle;
  }
  return low;
}

ZT_INLINE int64_t clip_of(const zt_conv1d_shape& s, int64_t row) {
  return last_before(s.batch, row, [&](int64_t clip) { return begin_of(s, clip); });
}

// How many steps from a row the tap reads.
ZT_INLINE int64_t distance_of(const zt_conv1d_shape& s, int64_t tap) { return (tap - s.taps / 2) * s.dilation; }

// Where the weights of a convolution lie, or of its gradient.
struct TapWeights {
  const float* at;
  int64_t of_tap, of_value, of_column;  //  floats from a tap, an input value or an output column to the next

  const float* row(int64_t tap, int64_t i) const { return at + tap * of_tap + i * of_value; }
};

}  // namespace zt::ZT_ISA
