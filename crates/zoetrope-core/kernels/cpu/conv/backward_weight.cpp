// dweight and dbias of the block conv 3x3 + bias + ReLU + max-pool 2x2, NHWC.
//
//   dweight[co][ci][kh][kw] = Σ windows  dy[window][co] · x[row + kh][col + kw][ci]
//
// where (row, col) is the corner of the patch under the window's argmax for co. A window and channel pair needs nine
// multiplications. The dense gradient needs 36, and Winograd F(2x2, 3x3) needs 16. Winograd F(4x4, 3x3) needs nine too,
// and transforms besides.
//
// Each thread packs a band's inputs, kWidth channels at a time, with a border of zeros. Then, for each output channel,
// a 3x3 block of vectors stays in registers while the band's windows pass. Nine FMAs need ten loads from L1, and the
// core does two loads in a cycle, so the kernel reaches at most 90 % of the peak. The threads' partial sums are added
// in the threads' order.
//
// Cost per window: 18·ci·co FLOPs; memory: x and dy read once, 4·9·ci·co bytes per thread.
#include <omp.h>

#include "windows.h"

namespace zt::ZT_ISA {
namespace {

struct Sizes {
  int64_t ci, co;            //  padded to kWidth, to kChannels
  int64_t band_pixels;       //  of a packed band, with borders
  int64_t packed, gathered;  //  floats per thread
  int64_t partial;           //  floats of dweight's and dbias's partial sums

  Sizes(const zt_conv_shape& s, const Bands& bands) {
    ci = round_up(s.in_channels, kWidth), co = round_up(s.out_channels, kChannels);
    band_pixels = bands.band_frames * (2 * bands.band_rows + 2) * (2 * bands.cols + 2);
    packed = round_up(ci * band_pixels, 16), gathered = bands.windows * kChannels;
    partial = 9 * ci * co + co;
  }
  int64_t per_thread() const { return packed + 2 * gathered + partial; }
};

// x of a band as [ci / kWidth][section][2 rows + 2][2 cols + 2][kWidth], zeros outside the frame.
void pack(const zt_conv_shape& s, const Bands& bands, const Band& band, const Strides& strides, const float* x,
          int64_t block_stride, float* packed) {
  for (int64_t f = 0; f < band.frames; ++f)
    for (int64_t r = 0; r < 2 * band.rows + 2; ++r) {
      const int64_t row = 2 * band.row - 1 + r;
      const float* line = x + ((band.frame + f) * s.height + row) * s.width * s.in_channels;
      for (int64_t c = 0; c < 2 * bands.cols + 2; ++c) {
        const int64_t col = c - 1;
        const bool inside = row >= 0 && row < s.height && col >= 0 && col < s.width;
        float* to = packed + f * strides.section + r * strides.row + c * strides.pixel;
        for (int64_t i = 0; i < s.in_channels; i += kWidth, to += block_stride)
          store(to, inside ? load_first(line + col * s.in_channels + i, s.in_channels - i) : zero());
      }
    }
}

// sums [9][kWidth] += Σ windows gradient · patch
ZT_INLINE void accumulate(const float* x, int64_t row, const float* gradients, const int32_t* offsets, int64_t windows,
                          float* sums) {
  VF sum[9];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) sum[k] = load(sums + k * kWidth);
  for (int64_t t = 0; t < windows; ++t) {
    const VF gradient = broadcast(gradients[t * kChannels]);
    const float* patch = x + offsets[t * kChannels];
#pragma GCC unroll 3
    for (int k = 0; k < 9; k += 3, patch += row) {
      sum[k] = fma(gradient, load(patch), sum[k]);
      sum[k + 1] = fma(gradient, load(patch + kWidth), sum[k + 1]);
      sum[k + 2] = fma(gradient, load(patch + 2 * kWidth), sum[k + 2]);
    }
  }
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) store(sums + k * kWidth, sum[k]);
}

// dweight of one output channel from the threads' partial sums [ci / kWidth][co][9][kWidth].
void reduce(const zt_conv_shape& s, const Sizes& z, const float* partials, int64_t stride, int team, int64_t o,
            float* dweight) {
  for (int64_t i = 0; i < s.in_channels; i += kWidth) {
    float lanes[9 * kWidth];
    for (int k = 0; k < 9; ++k) {
      const float* from = partials + ((i / kWidth * z.co + o) * 9 + k) * kWidth;
      VF total = load(from);
      for (int thread = 1; thread < team; ++thread) total += load(from + thread * stride);
      store(lanes + k * kWidth, total);
    }
    for (int64_t lane = 0; lane < smaller(kWidth, s.in_channels - i); ++lane)
      for (int k = 0; k < 9; ++k) dweight[(o * s.in_channels + i + lane) * 9 + k] = lanes[k * kWidth + lane];
  }
}

}  // namespace

size_t conv_backward_weight_workspace(const zt_conv_shape& s, int threads) {
  return threads * Sizes(s, Bands(s)).per_thread();
}

void conv_backward_weight(const zt_conv_shape& s, const float* x, const uint8_t* argmax, const float* dy,
                          float* dweight, float* dbias, float* workspace, int threads) {
  const Bands bands(s);
  const Sizes z(s, bands);
  const int32_t row = static_cast<int32_t>(2 * bands.cols + 2) * kWidth;
  const Strides strides = {kWidth, row, static_cast<int32_t>(2 * bands.band_rows + 2) * row};
  const int64_t block_stride = z.band_pixels * kWidth;
  float* const partials = workspace + z.packed + 2 * z.gathered;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const packed = workspace + omp_get_thread_num() * z.per_thread();
    float* const gradients = packed + z.packed;
    int32_t* const offsets = reinterpret_cast<int32_t*>(gradients + z.gathered);
    float* const sums = gradients + 2 * z.gathered;
    float* const bias = sums + 9 * z.ci * z.co;
    const int team = omp_get_num_threads();  //  fewer than asked for, where OpenMP says so
    for (int64_t i = 0; i < z.partial; ++i) sums[i] = 0;
#pragma omp for schedule(static)
    for (int64_t index = 0; index < bands.count; ++index) {
      const Band band(s, bands, index);
      pack(s, bands, band, strides, x, block_stride, packed);
      for (int64_t o = 0; o < z.co; o += kChannels) {
        const int64_t windows = gather_gradients(s, bands, band, o, strides, argmax, dy, gradients, offsets, bias + o);
        for (int64_t i = 0; i < z.ci / kWidth; ++i)
          for (int64_t c = 0; c < smaller(kChannels, s.out_channels - o); ++c)
            accumulate(packed + i * block_stride, row, gradients + c, offsets + c, windows,
                       sums + (i * z.co + o + c) * 9 * kWidth);
      }
    }
#pragma omp for schedule(static)
    for (int64_t o = 0; o < s.out_channels; ++o) {
      reduce(s, z, partials, z.per_thread(), team, o, dweight);
      dbias[o] = 0;
      for (int thread = 0; thread < team; ++thread) dbias[o] += partials[thread * z.per_thread() + 9 * z.ci * z.co + o];
    }
  }
}

}  // namespace zt::ZT_ISA
