// The forward pass of the first block: conv 3x3 + bias + ReLU + max-pool 2x2. Frames are [frames, ci, height, width],
// floats or bytes, with one to four channels. The output is NHWC. The algorithm is Winograd F(4x4, 3x3), as in
// conv/forward.cpp.
//
// With so few channels the transforms cost as much as the products. So the transform of the inputs works on whole rows
// (first_tiles.h). Vectors hold the tiles of a band.
//
//   V[36][ci][tile] of a band of tiles, about kBand of them: it stays in L2
//
// Cost per frame, with T = ceil(H/4)·ceil(W/4) tiles: 72·T·ci·co FLOPs (direct: 288), transforms about T·(290·co +
// 220·ci); memory: 1.5 times the frame read, 5·H·W·co / 4 bytes written.
#include <omp.h>

#include "first_tiles.h"
#include "outputs.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kBand = 64;  //  tiles
constexpr int kTiles = 4;      //  of the micro-kernel: their M leaves room in L1 for U and the band's V

struct Sizes : Tiles {
  int64_t band_rows, bands;  //  rows of tiles, of all frames one after the other, in a band
  int64_t band;              //  tiles of a band, up to whole blocks of the micro-kernel
  int64_t co, position;      //  padded to whole panels; floats of U of one position
  int64_t ci;
  FirstTiles inputs;

  explicit Sizes(const zt_conv_shape& s, bool is_pooled = true) : Tiles(s, is_pooled), inputs(*this) {
    //  A frame of one column has no pooled tile.
    band_rows = larger(1, kBand / larger(1, tile_cols)), bands = ceil_div(s.frames * tile_rows, band_rows);
    band = round_up(band_rows * tile_cols + kMaxRows, 16);
    ci = s.in_channels, co = round_up(s.out_channels, kMaxPanel), position = ci * co;
  }
  int64_t shared() const { return 36 * position + co; }
  int64_t per_thread() const { return 7 * inputs.line + 36 * ci * band + kMaxRows * 36 * kMaxPanel; }
};

template <int CI>
void forward(const zt_conv_shape& s, const Sizes& z, const zt_conv_output& output, const Frames& frames, const float* U,
             const float* bias, float* workspace, int threads) {
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const lines = workspace + omp_get_thread_num() * z.per_thread();
    float* const V = lines + 7 * z.inputs.line;
    float* const M = V + 36 * CI * z.band;
#pragma omp for schedule(dynamic)
    for (int64_t index = 0; index < z.bands; ++index) {
      const int64_t row = index * z.band_rows, rows = smaller(z.band_rows, s.frames * z.tile_rows - row);
      for (int64_t r = 0; r < rows; ++r)
        z.inputs.transform(s, frames, row + r, lines, V + r * z.tile_cols, z.band, CI * z.band);
      for (int64_t t = 0; t < rows * z.tile_cols; t += kTiles) {
        const int64_t count = smaller(kTiles, rows * z.tile_cols - t);
        Place places[kTiles];
        for (int64_t k = 0; k < count; ++k) places[k] = locate(z, row * z.tile_cols + t + k);
        for (int64_t o = 0; o < s.out_channels; o += kPanel) {
          for (int64_t k = 0; k < count; ++k) fetch_outputs(s, z, output, places[k], o);
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
