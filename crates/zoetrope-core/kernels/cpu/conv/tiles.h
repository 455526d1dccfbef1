// Both forward kernels share this file. It cuts frames into tiles of 4x4 outputs, which are 2x2 pooling windows. It has
// all of Winograd's algorithm (winograd.h) except the transform of the inputs.
#pragma once

#include "../simd/transpose.h"
#include "conv.h"
#include "pool.h"
#include "winograd.h"

namespace zt::ZT_ISA {

// Tiles of the micro-kernel, kRows * 2 vectors of sums: as many as leave their M in L1.
constexpr int kRows = kRegisters == 32 ? 8 : 6;
constexpr int kPanel = 2 * kWidth;               //  output channels of a panel
constexpr int64_t kMaxPanel = 32, kMaxRows = 8;  //  of any instruction set: sizes of workspaces

struct Tiles {
  int64_t pooled_rows, pooled_cols, tile_rows, tile_cols, tiles;

  explicit Tiles(const zt_conv_shape& s) {
    pooled_rows = s.height / 2, pooled_cols = s.width / 2;
    tile_rows = ceil_div(pooled_rows, 2), tile_cols = ceil_div(pooled_cols, 2);
    tiles = s.frames * tile_rows * tile_cols;
  }
};

// U [36][panel][ci][kPanel], `position` floats for each of the 36, of weight [co][ci][3][3], for kWidth output
// channels; zeros for what does not exist. `taps` is for 9·in_channels vectors.
ZT_INLINE void transform_weight(const zt_conv_shape& s, int64_t ci, int64_t position, const float* weight, float* U,
                                int64_t o, float* taps) {
  float* column = U + o / kPanel * ci * kPanel + o % kPanel;
  const int64_t count = larger(0, smaller(kWidth, s.out_channels - o)), taps_of_output = 9 * s.in_channels;
  if (count < kWidth)
    for (int64_t i = 0; i < taps_of_output * kWidth; ++i) taps[i] = 0;
  transpose_floats(weight + o * taps_of_output, taps_of_output, count, taps_of_output, taps, kWidth);
  for (int64_t i = 0; i < ci; ++i) {
    VF g[9], half[18], whole[6];
    for (int k = 0; k < 9; ++k) g[k] = i < s.in_channels ? load(taps + (i * 9 + k) * kWidth) : zero();
    for (int b = 0; b < 3; ++b) winograd_weight(g + b, 3, half + b, 3);  //  [6][3]
    for (int a = 0; a < 6; ++a) {
      winograd_weight(half + a * 3, 1, whole, 1);
      for (int b = 0; b < 6; ++b) store(column + (a * 6 + b) * position + i * kPanel, whole[b]);
    }
  }
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

// Window w of a tile's 4x4 outputs: the windows are its corners, row-major.
template <int w>
ZT_INLINE void pool_window(const VF* outputs, VF bias, VF* y, VI* argmax) {
  const VF* const window = outputs + w / 2 * 8 + w % 2 * 2;
  pool<w>(window[0], window[1], window[4], window[5], bias, y[w], argmax[w]);
}

// The pooled outputs of one tile for one vector of output channels: y and argmax of 2x2 windows.
ZT_INLINE void transform_output(const float* M, VF bias, VF y[4], VI argmax[4]) {
  VF half[24], whole[16];
  for (int b = 0; b < 6; ++b) {
    VF m[6];
    for (int a = 0; a < 6; ++a) m[a] = load(M + (a * 6 + b) * kPanel);
    winograd_output(m, 1, half + b, 6);
  }
  for (int a = 0; a < 4; ++a) winograd_output(half + a * 6, 1, whole + a * 4, 1);
  pool_window<0>(whole, bias, y, argmax);
  pool_window<1>(whole, bias, y, argmax);
  pool_window<2>(whole, bias, y, argmax);
  pool_window<3>(whole, bias, y, argmax);
}

// Where a tile's four windows lie in y, in pixels. A window that the pooled frame does not have is -1.
struct Windows {
  int64_t at[4];
};

ZT_INLINE Windows locate(const Tiles& z, int64_t tile) {
  const int64_t frame = tile / (z.tile_rows * z.tile_cols), in_frame = tile % (z.tile_rows * z.tile_cols);
  const int64_t top = in_frame / z.tile_cols * 2, left = in_frame % z.tile_cols * 2;
  const int64_t corner = (frame * z.pooled_rows + top) * z.pooled_cols + left;
  const bool right = left + 1 < z.pooled_cols, below = top + 1 < z.pooled_rows;
  return {{corner, right ? corner + 1 : -1, below ? corner + z.pooled_cols : -1,
           right && below ? corner + z.pooled_cols + 1 : -1}};
}

// y and, unless it is null, argmax of `count` <= kRows tiles, for one panel of output channels from `o`, whose products
// are M [kRows][36][kPanel].
template <bool kHasArgmax>
ZT_INLINE void finish_tiles(const zt_conv_shape& s, const Windows* windows, int64_t count, int64_t o, const float* M,
                            const float* bias, float* y, uint8_t* argmax) {
  for (int64_t t = 0; t < count; ++t)
    for (int64_t v = o; v < o + kPanel && v < s.out_channels; v += kWidth) {
      VF values[4];
      VI indices[4];
      transform_output(M + t * 36 * kPanel + (v - o), load(bias + v), values, indices);
      const int64_t channels = s.out_channels - v;
#pragma GCC unroll 4
      for (int w = 0; w < 4; ++w) {
        if (windows[t].at[w] < 0) continue;
        const int64_t at = windows[t].at[w] * s.out_channels + v;
        if (channels >= kWidth) {
          store(y + at, values[w]);
          if (kHasArgmax) store_bytes(argmax + at, indices[w]);
        } else {
          store_first(y + at, values[w], channels);
          for (int64_t c = 0; kHasArgmax && c < channels; ++c) argmax[at + c] = static_cast<uint8_t>(indices[w][c]);
        }
      }
    }
}

ZT_INLINE void finish_tiles(const zt_conv_shape& s, const Windows* windows, int64_t count, int64_t o, const float* M,
                            const float* bias, float* y, uint8_t* argmax) {
  if (argmax != nullptr)
    finish_tiles<true>(s, windows, count, o, M, bias, y, argmax);
  else
    finish_tiles<false>(s, windows, count, o, M, bias, y, argmax);  //  inference: nothing is computed for it
}

}  // namespace zt::ZT_ISA
