// y = maxpool2(relu(conv3x3(x) + bias)), NHWC, as one Winograd F(4x4, 3x3) kernel; or any other residual sum,
// activation and pooling (outputs.h).
//
//   U[36][ci][co]   = G g Gᵀ               once per call, or before (`packed`)
//   V[36][tile][ci] = Bᵀ d B               d: the tile's 6x6 inputs, zeros outside the frame
//   M[tile][36][co] = V · U                36 matrix products: all the multiplications
//   y, argmax       = pool(Aᵀ M A) + bias  4x4 outputs of a tile are 2x2 pooling windows; relu after the pooling
//
// The full-size activation of a block is never stored.
//
// A thread takes blocks of kRows tiles. V of a block, and M of one panel of output channels (two vectors wide), stay in
// L1 and L2. The micro-kernel holds kRows tiles x 2 vectors of M in registers.
//
// Cost per frame, with T = ceil(H/4)·ceil(W/4) tiles: 72·T·ci·co FLOPs (direct: 288), transforms about 290·T·(ci + co);
// memory 4·H·W·ci bytes read, 5·H·W·co / 4 written.
#include <omp.h>

#include "amx.h"
#include "inputs.h"
#include "outputs.h"

namespace zt::ZT_ISA {
namespace {

struct Sizes : Tiles {
  int64_t ci, co;    //     padded to whole vectors, to whole panels
  int64_t position;  //     floats of U of one position

  explicit Sizes(const zt_conv_shape& s, bool is_pooled = true) : Tiles(s, is_pooled) {
    ci = round_up(s.in_channels, kMaxPanel / 2), co = round_up(s.out_channels, kMaxPanel);
    position = ci * co;
  }
  int64_t shared() const { return 36 * position + co + 6 * ci; }
  int64_t per_thread() const { return round_up(kRows * 36 * (ci + kMaxPanel), 16); }  //  over 9·ci vectors
};

// V [36][kRows][ci] of one tile.
void transform_tile(const zt_conv_shape& s, const Sizes& z, const float* x, const float* zeros, int64_t tile,
                    float* V) {
  const TileInputs inputs(s, z, x, zeros, tile);
  for (int64_t i = 0; i < s.in_channels; i += kWidth)
    inputs.transform(i, [&](int position, VF v) { store(V + position * kRows * z.ci + i, v); });
}

// U of the weights. All threads come here; `taps` is the thread's own.
void transform_weights(const zt_conv_shape& s, const Sizes& z, const float* weight, float* U, float* taps) {
#pragma omp for schedule(static)
  for (int64_t o = 0; o < z.co; o += kWidth) transform_weight(s, z.ci, z.position, weight, U, o, taps);
}

}  // namespace

size_t conv_packed(const zt_conv_shape& s) { return takes_tiles(s) ? amx::conv_packed(s) : 36 * Sizes(s).position; }

void conv_pack(const zt_conv_shape& s, const float* weight, float* packed, float* workspace, int threads) {
  if (takes_tiles(s)) return amx::conv_pack(s, weight, packed, workspace, threads);
  const Sizes z(s);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    transform_weights(s, z, weight, packed, workspace + z.shared() + omp_get_thread_num() * z.per_thread());
  }
}

size_t conv_forward_workspace(const zt_conv_shape& s, int threads) {
  if (takes_tiles(s)) return amx::conv_forward_workspace(s, threads);
  const Sizes z(s);
  return z.shared() + threads * z.per_thread();
}

void conv_forward(const zt_conv_shape& s, const zt_conv_output& output, const float* x, const float* weight,
                  const float* bias, const float* packed, float* workspace, int threads) {
  if (takes_tiles(s)) return amx::conv_forward(s, output, x, weight, bias, packed, workspace, threads);
  const Sizes z(s, is_pooled(output));
  const int64_t fetching = fetching_position(s);
  const float* const U = packed != nullptr ? packed : workspace;
  float* const shift = workspace + 36 * z.position;
  float* const zeros = shift + z.co;
  for (int64_t o = 0; o < z.co; ++o) shift[o] = o < s.out_channels ? bias[o] : 0;
  for (int64_t i = 0; i < 6 * z.ci; ++i) zeros[i] = 0;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const V = workspace + z.shared() + omp_get_thread_num() * z.per_thread();
    float* const M = V + kRows * 36 * z.ci;
    if (packed == nullptr) transform_weights(s, z, weight, workspace, V);
#pragma omp for schedule(dynamic, 4)
    for (int64_t block = 0; block < ceil_div(z.tiles, kRows); ++block) {
      const int64_t first = block * kRows, count = smaller(kRows, z.tiles - first);
      Place places[kRows];
      for (int64_t t = 0; t < count; ++t) {
        places[t] = locate(z, first + t);
        transform_tile(s, z, x, zeros, first + t, V + t * z.ci);
      }
      for (int64_t o = 0; o < s.out_channels; o += kPanel) {
        for (int p = 0; p < 36; ++p) {
          for (int64_t t = 0; p == fetching && t < count; ++t) fetch_outputs(s, z, output, places[t], o);
          multiply<kRows>(V + p * kRows * z.ci, z.ci, 1, U + p * z.position + o * z.ci, z.position, M + p * kPanel,
                          s.in_channels);
        }
        finish_tiles(s, z, output, places, count, o, M, shift);
      }
    }
  }
}

}  // namespace zt::ZT_ISA
