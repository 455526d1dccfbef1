// The Winograd transform of the first block's inputs: with so few channels a vector holds the tiles of a row, not
// channels. First all columns of six rows are transformed (Bᵀ d), then all tiles of the row (· B).
#pragma once

#include "../simd/transpose.h"
#include "first.h"
#include "tiles.h"

namespace zt::ZT_ISA {

struct FirstTiles {
  int64_t tile_rows, tile_cols;
  int64_t cols, line;  //  a row of pixels with its border, up to whole vectors; floats that it takes

  explicit FirstTiles(const Tiles& z) : tile_rows(z.tile_rows), tile_cols(z.tile_cols) {
    cols = round_up(4 * tile_cols + 2, 16), line = round_up(cols, 64);
  }

  // V of one row of tiles, where channels lie `channel` floats apart and positions `position`; `V` is that of its
  // first. `lines` has room for seven lines: six rows of pixels, and one with its columns sorted.
  void transform(const zt_conv_shape& s, const Frames& frames, int64_t tile_row, float* lines, float* V,
                 int64_t channel, int64_t position) const {
    const int64_t frame = tile_row / tile_rows, top = tile_row % tile_rows * 4 - 1, phase = line / 4;
    for (int64_t i = 0; i < s.in_channels; ++i) {
      for (int a = 0; a < 6; ++a) read_row<1>(s, frames, frame, i, top + a, cols, lines + a * line);
      float* const columns = lines + 6 * line;
      for (int64_t c = 0; c < cols; c += kWidth) {
        VF d[6];
        for (int a = 0; a < 6; ++a) d[a] = load(lines + a * line + c);
        winograd_input(d, 1, d, 1);
        for (int a = 0; a < 6; ++a) store(lines + a * line + c, d[a]);
      }
      for (int a = 0; a < 6; ++a) {
        //  Every fourth column side by side: a tile is four columns, and two of the next.
        for (int64_t c = 0; c < line; c += 4 * kWidth) transpose_fours(lines + a * line + c, 4, columns + c / 4, phase);
        float* const to = V + a * 6 * position + i * channel;
#pragma GCC ivdep
        for (int64_t t = 0; t < tile_cols; ++t) {
          const float* const at = columns + t;
          const float d[6] = {at[0], at[phase], at[2 * phase], at[3 * phase], at[1], at[phase + 1]};
          winograd_input(d, 1, to + t, position);
        }
      }
    }
  }
};

}  // namespace zt::ZT_ISA
