// What the convolution over time shares between its passes: where a tap finds its row, and the product that it is.
#pragma once

#include "../simd/product.h"
#include "conv1d.h"

namespace zt::ZT_ISA {

ZT_INLINE int64_t rows_of(const zt_conv1d_shape& s) {
  return s.offsets != nullptr ? s.offsets[s.batch] : s.batch * s.time;
}

// The clip in which each row lies.
struct Steps {
  int64_t rows;
  int32_t *begin, *end;  //  [rows]: the first row of its clip, and that behind the last

  Steps(const zt_conv1d_shape& s, Cutter& cut)
      : rows(rows_of(s)), begin(cut.take_of<int32_t>(rows)), end(cut.take_of<int32_t>(rows)) {}

  // All threads come here.
  void fill(const zt_conv1d_shape& s) const {
#pragma omp for schedule(static)
    for (int64_t clip = 0; clip < s.batch; ++clip) {
      const int64_t first = s.offsets != nullptr ? s.offsets[clip] : clip * s.time;
      const int64_t last = s.offsets != nullptr ? s.offsets[clip + 1] : first + s.time;
      for (int64_t row = first; row < last; ++row)
        begin[row] = static_cast<int32_t>(first), end[row] = static_cast<int32_t>(last);
    }
  }

  // The row of `values` that lies so many steps from `row`, or `zeros` outside of its clip.
  const float* at(const float* values, int64_t width, int64_t row, int64_t distance, const float* zeros) const {
    const int64_t other = row + distance;
    return other >= begin[row] && other < end[row] ? values + other * width : zeros;
  }
};

// How many steps from a row the tap reads.
ZT_INLINE int64_t distance_of(const zt_conv1d_shape& s, int64_t tap) { return (tap - s.taps / 2) * s.dilation; }

// out [rows][columns] = Σ over taps of values [rows at the tap's distance][width] · weights of the tap
// [width][columns]: the taps' shifted products, one after the other in the same sums. (simd/product.h)
struct OverTime {
  const zt_conv1d_shape& s;
  const Steps& steps;
  const float *values, *weights, *zeros;
  int64_t of_tap, of_value;  //  floats from a tap's weights to the next tap's, and from a value's to the next value's
  int64_t width, sign;       //  sign -1: from where a step's output went back to where it came from
  const float* bias;         //  whole panels, or null
  bool relu;
  float* out;
  int64_t m, depth, columns;
  bool adds = false;

  const float* a(int64_t i, int64_t k) const {
    return steps.at(values, width, i, sign * distance_of(s, k / width), zeros) + k % width;
  }
  int64_t run(int64_t k) const { return width - k % width; }
  const float* b(int64_t k) const { return weights + k / width * of_tap + k % width * of_value; }
  float* c(int64_t i) const { return out + i * columns; }
  VF finish(VF sum, int64_t column) const {
    if (bias != nullptr) sum += load(bias + column);
    return relu ? max(zero(), sum) : sum;  //  in this order of arguments a NaN stays
  }
};

}  // namespace zt::ZT_ISA
