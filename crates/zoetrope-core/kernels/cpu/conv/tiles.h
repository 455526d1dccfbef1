// All forward kernels share this file. It cuts frames into tiles of 4x4 outputs, which are 2x2 pooling windows. It has
// the weights and products of Winograd's algorithm (winograd.h). The inputs are in inputs.h, the outputs in outputs.h.
#pragma once

#include "../simd/transpose.h"
#include "conv.h"
#include "winograd.h"

namespace zt::ZT_ISA {

// Tiles of the micro-kernel, kRows * 2 vectors of sums: as many as leave their M in L1.
constexpr int kRows = kRegisters == 32 ? 8 : 6;
constexpr int kPanel = 2 * kWidth;               //  output channels of a panel
constexpr int64_t kMaxPanel = 32, kMaxRows = 8;  //  of any instruction set: sizes of workspaces

struct Tiles {
  int64_t rows, cols;      //  of the convolution's output
  int64_t y_rows, y_cols;  //  of y
  int64_t side;            //  rows and columns of y in a tile
  int64_t tile_rows, tile_cols, tiles;

  Tiles(const zt_conv_shape& s, bool is_pooled) {
    rows = s.height + 2 * s.padding - 2, cols = s.width + 2 * s.padding - 2;
    y_rows = is_pooled ? rows / 2 : rows, y_cols = is_pooled ? cols / 2 : cols, side = is_pooled ? 2 : 4;
    tile_rows = ceil_div(y_rows, side), tile_cols = ceil_div(y_cols, side);
    tiles = s.frames * tile_rows * tile_cols;
  }
};

// The taps of kWidth output channels from `o` on, of weight [co][ci][3][3], as [ci][9][kWidth]; zeros for channels that
// do not exist.
ZT_INLINE void take_taps(const zt_conv_shape& s, const float* weight, int64_t o, float* taps) {
  const int64_t count = larger(0, smaller(kWidth, s.out_channels - o)), taps_of_output = 9 * s.in_channels;
  if (count < kWidth)
    for (int64_t i = 0; i < taps_of_output * kWidth; ++i) taps[i] = 0;
  transpose_floats(weight + o * taps_of_output, taps_of_output, count, taps_of_output, taps, kWidth);
}

// Calls take(position, value of G g Gᵀ at that position) for the taps of one input channel.
template <typename Take>
ZT_INLINE void transform_taps(const float* taps, const Take& take) {
  VF g[9], half[18], whole[6];
  for (int k = 0; k < 9; ++k) g[k] = load(taps + k * kWidth);
  for (int b = 0; b < 3; ++b) winograd_weight(g + b, 3, half + b, 3);  //  [6][3]
#pragma GCC unroll 6
  for (int a = 0; a < 6; ++a) {
    winograd_weight(half + a * 3, 1, whole, 1);
    for (int b = 0; b < 6; ++b) take(a * 6 + b, whole[b]);
  }
}

// U [36][panel][ci][kPanel], `position` floats for each of the 36, of kWidth output channels; zeros for what does not
// exist. `taps` is for 9·in_channels vectors.
ZT_INLINE void transform_weight(const zt_conv_shape& s, int64_t ci, int64_t position, const float* weight, float* U,
                                int64_t o, float* taps) {
  float* const column = U + o / kPanel * ci * kPanel + o % kPanel;
  take_taps(s, weight, o, taps);
  for (int64_t i = 0; i < s.in_channels; ++i)
    transform_taps(taps + i * 9 * kWidth, [&](int p, VF u) { store(column + p * position + i * kPanel, u); });
  for (int64_t i = s.in_channels; i < ci; ++i)
    for (int64_t p = 0; p < 36; ++p) store(column + p * position + i * kPanel, zero());
}

// M [kTiles][36][kPanel] at one position = V · U [ci][kPanel], where V of tile r and channel i is V[r * tile + i *
// channel]. U of the next position, `position` floats further, comes from L2 meanwhile.
template <int kTiles>
ZT_INLINE void multiply(const float* V, int64_t tile, int64_t channel, const float* U, int64_t position, float* M,
                        int64_t ci) {
  VF m[kTiles][2];
  const VF first[2] = {load(U), load(U + kWidth)};
#pragma GCC unroll 8
  for (int r = 0; r < kTiles; ++r) {
    const VF v = broadcast(V[r * tile]);
    m[r][0] = v * first[0];
    m[r][1] = v * first[1];
  }
  for (int64_t i = 1; i < ci; ++i) {
    const VF u0 = load(U + i * kPanel), u1 = load(U + i * kPanel + kWidth);
    for (int64_t line = 0; line < kPanel; line += 16) __builtin_prefetch(U + position + i * kPanel + line);
#pragma GCC unroll 8
    for (int r = 0; r < kTiles; ++r) {
      const VF v = broadcast(V[r * tile + i * channel]);
      m[r][0] = fma(v, u0, m[r][0]);
      m[r][1] = fma(v, u1, m[r][1]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTiles; ++r) {
    store(M + r * 36 * kPanel, m[r][0]);
    store(M + r * 36 * kPanel + kWidth, m[r][1]);
  }
}

}  // namespace zt::ZT_ISA
