// The 6x6 inputs of one tile of NHWC frames, and their Winograd transform.
#pragma once

#include "tiles.h"

namespace zt::ZT_ISA {

struct TileInputs {
  const float* row[6];  //   at the tile's left; `zeros`, of 6 * channels, above and below the frame
  bool has_column[6];
  int64_t channels;

  TileInputs(const zt_conv_shape& s, const Tiles& z, const float* x, const float* zeros, int64_t tile)
      : channels(s.in_channels) {
    const int64_t frame = tile / (z.tile_rows * z.tile_cols), in_frame = tile % (z.tile_rows * z.tile_cols);
    const int64_t top = in_frame / z.tile_cols * 4 - s.padding, left = in_frame % z.tile_cols * 4 - s.padding;
    for (int b = 0; b < 6; ++b) has_column[b] = (left + b >= 0) & (left + b < s.width);
    for (int a = 0; a < 6; ++a) {
      const bool has_row = (top + a >= 0) & (top + a < s.height);
      row[a] = has_row ? x + ((frame * s.height + top + a) * s.width + left) * channels : zeros;
    }
  }

  // Calls take(position, value of Bᵀ d B at that position) for one vector of channels, from channel i on.
  template <typename Take>
  __attribute__((always_inline)) void transform(int64_t i, const Take& take) const {
    const int64_t left_over = channels - i;
    VF half[36];
#pragma GCC unroll 6
    for (int b = 0; b < 6; ++b) {
      VF d[6];
      const int64_t at = b * channels + i;
      if (!has_column[b])
        for (int a = 0; a < 6; ++a) d[a] = zero();
      else if (left_over >= kWidth)
        for (int a = 0; a < 6; ++a) d[a] = load(row[a] + at);
      else
        for (int a = 0; a < 6; ++a) d[a] = load_first(row[a] + at, left_over);
      winograd_input(d, 1, half + b, 6);
    }
#pragma GCC unroll 6
    for (int a = 0; a < 6; ++a) {
      VF whole[6];
      winograd_input(half + a * 6, 1, whole, 1);
      for (int b = 0; b < 6; ++b) take(a * 6 + b, whole[b]);
    }
  }
};

}  // namespace zt::ZT_ISA
