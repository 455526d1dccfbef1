// The forward pass of the first block: conv 3x3 + bias + ReLU + max-pool 2x2. Frames are [frames, ci, height, width],
// floats or bytes, with one to four channels. The output is NHWC. The algorithm is Winograd F(4x4, 3x3), as in
// conv/forward.cpp.
//
// With so few channels the transforms cost as much as the products. So the transform of the inputs works on whole rows:
// first on all columns of six rows (Bᵀ d), then on all tiles of a row (· B). Vectors hold the tiles of a band.
//
//   V[36][ci][tile] of a band of tiles, about kBand of them: it stays in L2
//
// Cost per frame, with T = ceil(H/4)·ceil(W/4) tiles: 72·T·ci·co FLOPs (direct: 288), transforms about T·(290·co +
// 220·ci); memory: 1.5 times the frame read, 5·H·W·co / 4 bytes written.
#include <omp.h>

#include "../simd/transpose.h"
#include "first.h"
#include "outputs.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kBand = 64;  //  tiles
constexpr int kTiles = 4;      //  of the micro-kernel: their M leaves room in L1 for U and the band's V

struct Sizes : Tiles {
  int64_t band_rows, bands;  //  rows of tiles, of all frames one after the other, in a band
  int64_t band;              //  tiles of a band, up to whole blocks of the micro-kernel
  int64_t cols, line;        //  a row of pixels with its border, up to whole vectors; floats that it takes
  int64_t co, position;      //  padded to whole panels; floats of U of one position
  int64_t ci;

  explicit Sizes(const zt_conv_shape& s, bool is_pooled = true) : Tiles(s, is_pooled) {
    //  A frame of one column has no pooled tile.
    band_rows = larger(1, kBand / larger(1, tile_cols)), bands = ceil_div(s.frames * tile_rows, band_rows);
    band = round_up(band_rows * tile_cols + kMaxRows, 16);
    cols = round_up(4 * tile_cols + 2, 16), line = round_up(cols, 64);
    ci = s.in_channels, co = round_up(s.out_channels, kMaxPanel), position = ci * co;
  }
  int64_t shared() const { return 36 * position + co; }
  int64_t per_thread() const { return 7 * line + 36 * ci * band + kMaxRows * 36 * kMaxPanel; }
};

// V of one row of tiles; `V` is that of its first. `lines` are six rows of pixels, and one with its columns sorted.
void transform_row(const zt_conv_shape& s, const Sizes& z, const Frames& frames, int64_t tile_row, float* lines,
                   float* V) {
  const int64_t frame = tile_row / z.tile_rows, top = tile_row % z.tile_rows * 4 - 1, phase = z.line / 4;
  for (int64_t i = 0; i < z.ci; ++i) {
    for (int a = 0; a < 6; ++a) read_row<1>(s, frames, frame, i, top + a, z.cols, lines + a * z.line);
    float* const columns = lines + 6 * z.line;
    for (int64_t c = 0; c < z.cols; c += kWidth) {
      VF d[6];
      for (int a = 0; a < 6; ++a) d[a] = load(lines + a * z.line + c);
      winograd_input(d, 1, d, 1);
      for (int a = 0; a < 6; ++a) store(lines + a * z.line + c, d[a]);
    }
    for (int a = 0; a < 6; ++a) {
      //  Every fourth column side by side: a tile is four columns, and two of the next.
      for (int64_t c = 0; c < z.line; c += 4 * kWidth)
        transpose_fours(lines + a * z.line + c, 4, columns + c / 4, phase);
      float* const to = V + (a * 6 * z.ci + i) * z.band;
      const int64_t next = z.ci * z.band;
#pragma GCC ivdep
      for (int64_t t = 0; t < z.tile_cols; ++t) {
        const float* const at = columns + t;
        const float d[6] = {at[0], at[phase], at[2 * phase], at[3 * phase], at[1], at[phase + 1]};
        winograd_input(d, 1, to + t, next);
      }
    }
  }
}

template <int CI>
void forward(const zt_conv_shape& s, const Sizes& z, const zt_conv_output& output, const Frames& frames, const float* U,
             const float* bias, float* workspace, int threads) {
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const lines = workspace + omp_get_thread_num() * z.per_thread();
    float* const V = lines + 7 * z.line;
    float* const M = V + 36 * CI * z.band;
#pragma omp for schedule(dynamic)
    for (int64_t index = 0; index < z.bands; ++index) {
      const int64_t row = index * z.band_rows, rows = smaller(z.band_rows, s.frames * z.tile_rows - row);
      for (int64_t r = 0; r < rows; ++r) transform_row(s, z, frames, row + r, lines, V + r * z.tile_cols);
      for (int64_t t = 0; t < rows * z.tile_cols; t += kTiles) {
        const int64_t count = smaller(kTiles, rows * z.tile_cols - t);
        Place places[kTiles];
        for (int64_t k = 0; k < count; ++k) places[k] = locate(z, row * z.tile_cols + t + k);
        for (int64_t o = 0; o < s.out_channels; o += kPanel) {
          for (int p = 0; p < 36; ++p)
            multiply<kTiles>(V + p * CI * z.band + t, 1, z.band, U + p * z.position + o * CI, z.position,
                             M + p * kPanel, CI);
          finish_tiles(s, z, output, places, count, o, M, bias);
        }
      }
    }
  }
}

}  // namespace

size_t conv_first_forward_workspace(const zt_conv_shape& s, int threads) {
  const Sizes pooled(s, true), whole(s, false);  //  bands of either have other sizes
  const int64_t per_thread = larger(pooled.per_thread(), whole.per_thread());
  return pooled.shared() + threads * per_thread;
}

void conv_first_forward(const zt_conv_shape& s, const zt_conv_output& output, const float* x, const uint8_t* pixels,
                        const float* weight, const float* bias, float* workspace, int threads) {
  const Sizes z(s, is_pooled(output));
  const Frames frames = {x, pixels};
  float* const U = workspace;
  float* const shift = U + 36 * z.position;
  float* const own = workspace + z.shared();
  for (int64_t o = 0; o < z.co; o += kWidth) transform_weight(s, z.ci, z.position, weight, U, o, own);
  for (int64_t o = 0; o < z.co; ++o) shift[o] = o < s.out_channels ? bias[o] : 0;
  switch (s.in_channels) {
    case 1:
      return forward<1>(s, z, output, frames, U, shift, own, threads);
    case 2:
      return forward<2>(s, z, output, frames, U, shift, own, threads);
    case 3:
      return forward<3>(s, z, output, frames, U, shift, own, threads);
    default:
      return forward<4>(s, z, output, frames, U, shift, own, threads);
  }
}

}  // namespace zt::ZT_ISA
