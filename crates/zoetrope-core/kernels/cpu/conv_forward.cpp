// y = maxpool2(relu(conv3x3(x) + bias)), NHWC, as one Winograd F(4x4, 3x3) kernel.
//
//   U[36][ci][co]   = G g Gᵀ               once per call
//   V[36][tile][ci] = Bᵀ d B               d: the tile's 6x6 inputs, zeros outside the frame
//   M[tile][36][co] = V · U                36 matrix products: all the multiplications
//   y, argmax       = pool(Aᵀ M A) + bias  4x4 outputs of a tile are 2x2 pooling windows; relu after the pooling
//
// The full-size activation never exists.
//
// A thread takes blocks of kTiles tiles; V of a block and M of one panel of output channels (two vectors wide) stay in
// L1 and L2. The micro-kernel holds kRows tiles x 2 vectors of M in registers.
//
// Cost per frame, with T = ceil(H/4)·ceil(W/4) tiles: 72·T·ci·co FLOPs (direct: 288), transforms about 290·T·(ci + co);
// memory 4·H·W·ci bytes read, 5·H·W·co / 4 written.
#include <omp.h>

#include "conv.h"
#include "pool.h"
#include "winograd.h"

namespace zt::ZT_ISA {
namespace {

constexpr int kPanel = 2 * kWidth;                //   output channels of a panel
constexpr int kRows = kRegisters == 32 ? 12 : 6;  //   tiles of the micro-kernel
constexpr int kTiles = kRows;                     //   tiles of a block: its M stays in L1
constexpr int64_t kMaxPanel = 32;                 //   of any instruction set: sizes of workspaces

struct Sizes {
  int64_t pooled_rows, pooled_cols, tile_rows, tile_cols, tiles;
  int64_t ci, co;  //     padded to whole vectors, to whole panels
  int64_t v_tile;  //     floats of V of one tile

  explicit Sizes(const zt_conv_shape& s) {
    pooled_rows = s.height / 2, pooled_cols = s.width / 2;
    tile_rows = ceil_div(pooled_rows, 2), tile_cols = ceil_div(pooled_cols, 2);
    tiles = s.frames * tile_rows * tile_cols;
    ci = round_up(s.in_channels, kMaxPanel / 2), co = round_up(s.out_channels, kMaxPanel);
    v_tile = 36 * ci;
  }
  int64_t shared() const { return 36 * s_u() + co + ci; }
  int64_t s_u() const { return ci * co; }
  int64_t per_thread() const { return round_up(kTiles * (v_tile + 36 * kMaxPanel), 16); }
};

// U [36][panel][ci][kPanel] of weight [co][ci][3][3], for kWidth output channels; zeros for what does not exist.
void transform_weight(const zt_conv_shape& s, const Sizes& z, const float* weight, float* U, int64_t o) {
  float* column = U + o / kPanel * z.ci * kPanel + o % kPanel;
  const int64_t count = smaller(kWidth, s.out_channels - o);
  for (int64_t i = 0; i < z.ci; ++i) {
    float taps[9][kWidth] = {};
    if (i < s.in_channels)
      for (int64_t c = 0; c < count; ++c)
        for (int k = 0; k < 9; ++k) taps[k][c] = weight[((o + c) * s.in_channels + i) * 9 + k];
    VF g[9], half[18], whole[6];
    for (int k = 0; k < 9; ++k) g[k] = load(taps[k]);
    for (int b = 0; b < 3; ++b) winograd_weight(g + b, 3, half + b, 3);  //  [6][3]
    for (int a = 0; a < 6; ++a) {
      winograd_weight(half + a * 3, 1, whole, 1);
      for (int b = 0; b < 6; ++b) store(column + (a * 6 + b) * z.s_u() + i * kPanel, whole[b]);
    }
  }
}

// V [36][kTiles][ci] of one tile.
void transform_input(const zt_conv_shape& s, const Sizes& z, const float* x, const float* zeros, int64_t tile,
                     float* V) {
  const int64_t frame = tile / (z.tile_rows * z.tile_cols), in_frame = tile % (z.tile_rows * z.tile_cols);
  const int64_t top = in_frame / z.tile_cols * 4 - 1, left = in_frame % z.tile_cols * 4 - 1;
  const float* pixel[36];
  for (int a = 0; a < 6; ++a) {
    const int64_t row = top + a;
    const bool exists = row >= 0 && row < s.height;
    const float* const line = x + ((frame * s.height + row) * s.width + left) * s.in_channels;
    for (int b = 0; b < 6; ++b) {
      const bool inside = exists & (left + b >= 0) & (left + b < s.width);
      pixel[a * 6 + b] = inside ? line + b * s.in_channels : zeros;
    }
  }
  for (int64_t i = 0; i < s.in_channels; i += kWidth) {
    const int64_t left_over = s.in_channels - i;
    VF half[36];
    for (int b = 0; b < 6; ++b) {
      VF d[6];
      if (left_over >= kWidth)
        for (int a = 0; a < 6; ++a) d[a] = load(pixel[a * 6 + b] + i);
      else
        for (int a = 0; a < 6; ++a) d[a] = load_first(pixel[a * 6 + b] + i, left_over);
      winograd_input(d, 1, half + b, 6);
    }
    for (int a = 0; a < 6; ++a) {
      VF whole[6];
      winograd_input(half + a * 6, 1, whole, 1);
      for (int b = 0; b < 6; ++b) store(V + (a * 6 + b) * kTiles * z.ci + i, whole[b]);
    }
  }
}

// M [kRows][·][kPanel] = V [kRows][ci] · U [ci][kPanel]
ZT_INLINE void multiply(const float* V, int64_t stride, const float* U, float* M, int64_t ci) {
  VF m[kRows][2];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) m[r][0] = m[r][1] = zero();
  for (int64_t i = 0; i < ci; ++i) {
    const VF u0 = load(U + i * kPanel), u1 = load(U + i * kPanel + kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const VF v = broadcast(V[r * stride + i]);
      m[r][0] = fma(v, u0, m[r][0]);
      m[r][1] = fma(v, u1, m[r][1]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    store(M + r * 36 * kPanel, m[r][0]);
    store(M + r * 36 * kPanel + kWidth, m[r][1]);
  }
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
  for (int w = 0; w < 4; ++w) {
    const VF* window = whole + w / 2 * 8 + w % 2 * 2;
    pool(window[0], window[1], window[4], window[5], bias, y[w], argmax[w]);
  }
}

// Stores what of the tile lies inside the pooled frame, for `channels` output channels from `o`.
ZT_INLINE void store_tile(const zt_conv_shape& s, const Sizes& z, int64_t tile, int64_t o, const VF values[4],
                          const VI indices[4], float* y, uint8_t* argmax) {
  const int64_t frame = tile / (z.tile_rows * z.tile_cols), in_frame = tile % (z.tile_rows * z.tile_cols);
  const int64_t top = in_frame / z.tile_cols * 2, left = in_frame % z.tile_cols * 2;
  const int64_t channels = s.out_channels - o;
  for (int w = 0; w < 4; ++w) {
    const int64_t row = top + w / 2, col = left + w % 2;
    if (row >= z.pooled_rows || col >= z.pooled_cols) continue;
    const int64_t at = ((frame * z.pooled_rows + row) * z.pooled_cols + col) * s.out_channels + o;
    store_first(y + at, values[w], channels);
    if (argmax == nullptr) continue;
    if (channels >= kWidth) {
      store_bytes(argmax + at, indices[w]);
    } else {
      for (int64_t c = 0; c < channels; ++c) argmax[at + c] = static_cast<uint8_t>(indices[w][c]);
    }
  }
}

}  // namespace

size_t conv_forward_workspace(const zt_conv_shape& s, int threads) {
  const Sizes z(s);
  return z.shared() + threads * z.per_thread();
}

void conv_forward(const zt_conv_shape& s, const float* x, const float* weight, const float* bias, float* y,
                  uint8_t* argmax, float* workspace, int threads) {
  const Sizes z(s);
  float* const U = workspace;
  float* const shift = U + 36 * z.s_u();
  float* const zeros = shift + z.co;
  for (int64_t o = 0; o < z.co; ++o) shift[o] = o < s.out_channels ? bias[o] : 0;
  for (int64_t i = 0; i < z.ci; ++i) zeros[i] = 0;
#pragma omp parallel num_threads(threads)
  {
    float* const V = workspace + z.shared() + omp_get_thread_num() * z.per_thread();
    float* const M = V + kTiles * z.v_tile;
#pragma omp for schedule(static)
    for (int64_t o = 0; o < z.co; o += kWidth) transform_weight(s, z, weight, U, o);
#pragma omp for schedule(static)
    for (int64_t block = 0; block < ceil_div(z.tiles, kTiles); ++block) {
      const int64_t first = block * kTiles, count = smaller(kTiles, z.tiles - first);
      for (int64_t t = 0; t < count; ++t) transform_input(s, z, x, zeros, first + t, V + t * z.ci);
      for (int64_t o = 0; o < s.out_channels; o += kPanel) {
        for (int p = 0; p < 36; ++p)
          for (int64_t t = 0; t < count; t += kRows)
            multiply(V + (p * kTiles + t) * z.ci, z.ci, U + p * z.s_u() + o * z.ci, M + (t * 36 + p) * kPanel,
                     s.in_channels);
        for (int64_t t = 0; t < count; ++t)
          for (int64_t v = o; v < o + kPanel && v < s.out_channels; v += kWidth) {
            VF values[4];
            VI indices[4];
            transform_output(M + t * 36 * kPanel + (v - o), load(shift + v), values, indices);
            store_tile(s, z, first + t, v, values, indices, y, argmax);
          }
      }
    }
  }
}

}  // namespace zt::ZT_ISA
