// What both passes share: a pixel's value before the activation, and the walk over rows of pixels or of windows.
#pragma once

#include "../conv/activation.h"
#include "../simd/simd.h"
#include "finish.h"

namespace zt::ZT_ISA {

// Values before the activation.
struct Values {
  const float *x, *residual, *scale, *shift;  //  the last three may be null
  int64_t channels;

  Values(const zt_finish_shape& s, const zt_finish_norm* norm, const float* x, const float* residual)
      : x(x),
        residual(residual),
        scale(norm != nullptr ? norm->scale : nullptr),
        shift(norm != nullptr ? norm->shift : nullptr),
        channels(s.channels) {}

  // Of a vector of channels from c on.
  ZT_INLINE_MEMBER VF at(int64_t pixel, int64_t c) const {
    const int64_t left = channels - c;
    VF value = load_first(x + pixel * channels + c, left);
    if (scale != nullptr) value = fma(value, load_first(scale + c, left), load_first(shift + c, left));
    if (residual != nullptr) value += load_first(residual + pixel * channels + c, left);
    return value;
  }
};

// Rows of pixels, or of windows of 2x2 where there is pooling. `all` has the last windows too that are not whole.
struct Grid {
  bool is_pooled;
  int64_t height, width;  //          of x
  int64_t rows, cols;     //          of y
  int64_t all_rows, all_cols;

  explicit Grid(const zt_finish_shape& s) : is_pooled(s.pool != zt_no_pool), height(s.height), width(s.width) {
    const int64_t side = is_pooled ? 2 : 1;
    rows = s.height / side, cols = s.width / side;
    all_rows = ceil_div(s.height, side), all_cols = ceil_div(s.width, side);
  }

  // The first pixel of the window in row `row` of all frames' rows, of which each frame has `of_frame`.
  ZT_INLINE_MEMBER int64_t pixel(int64_t row, int64_t of_frame, int64_t col) const {
    const int64_t side = is_pooled ? 2 : 1;
    return (row / of_frame * height + row % of_frame * side) * width + col * side;
  }
};

}  // namespace zt::ZT_ISA
