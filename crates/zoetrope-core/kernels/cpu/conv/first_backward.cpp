// dweight and dbias of the first block. Frames have no gradient.
//
//   dweight[co][patch] = Σ windows  dy[window][co] · x[patch under the window's argmax for co]
//
// A patch has 9 ci <= 36 values, so vectors hold the values of a patch and not channels. A band's inputs are packed as
// [row][col][kh][ci]: a column's three rows lie side by side, and three columns are one contiguous patch. The sums of a
// few output channels stay in registers while the band's windows pass. One of a window's four pixels has a gradient, so
// the kernel does a quarter of the dense multiplications.
//
// Cost per window: 18·ci·co FLOPs (in vectors rounded up to whole ones); memory: the frame and dy read once.
#include <omp.h>

#include "first.h"
#include "windows.h"

namespace zt::ZT_ISA {
namespace {

struct Sizes {
  int64_t co, vectors;  //        output channels padded to kChannels; vectors of a patch
  int64_t line, row;    //        floats of a row of pixels; of a packed row
  int64_t packed, gathered, partial;

  Sizes(const zt_conv_shape& s, const Bands& bands) {
    co = round_up(s.out_channels, kChannels), vectors = ceil_div(9 * s.in_channels, kWidth);
    line = round_up((2 * bands.cols + 2) * s.in_channels + 16, 16);
    row = (2 * bands.cols + 2) * 3 * s.in_channels;
    packed = round_up(bands.band_frames * 2 * bands.band_rows * row + vectors * kWidth + 4, 16);
    gathered = bands.windows * kChannels;
    partial = co * vectors * kWidth + co;
  }
  int64_t per_thread() const { return 3 * line + packed + 2 * gathered + partial; }
};

// The band's inputs as [section][2 rows][2 cols + 2][kh][CI], columns from -1 on.
template <int CI>
void pack(const zt_conv_shape& s, const Sizes& z, const Bands& bands, const Band& band, const Strides& strides,
          const Frames& frames, float* lines, float* packed) {
  const int64_t cols = 2 * bands.cols + 2;
  for (int64_t f = 0; f < band.frames; ++f)
    for (int64_t r = -2; r < 2 * band.rows; ++r) {
      const int64_t lowest = 2 * band.row + r + 1;  //  of the three input rows under row r of the output
      float* const newest = lines + (r + 3) % 3 * z.line;
      read_row<CI>(s, frames, band.frame + f, 0, lowest, cols, newest);
      if (r < 0) continue;
      const float* line[3];
      for (int k = 0; k < 3; ++k) line[k] = lines + (r + 1 + k) % 3 * z.line;
      float* to = packed + f * strides.section + r * strides.row;
      for (int64_t c = 0; c < cols; ++c)
        for (int k = 0; k < 3; ++k, to += CI) {
          float pixel[4];  //  four floats at once: what is too much is overwritten by the next
          memcpy(pixel, line[k] + c * CI, sizeof pixel);
          memcpy(to, pixel, sizeof pixel);
        }
    }
}

// sums [channels][vectors][kWidth] += Σ windows gradient · patch, for `Channels` output channels at once.
template <int Vectors, int Channels>
ZT_INLINE void accumulate(const float* x, const float* gradients, const int32_t* offsets, int64_t windows,
                          float* sums) {
  VF sum[Channels][Vectors];
#pragma GCC unroll 4
  for (int c = 0; c < Channels; ++c)
#pragma GCC unroll 9
    for (int v = 0; v < Vectors; ++v) sum[c][v] = load(sums + (c * Vectors + v) * kWidth);
  for (int64_t t = 0; t < windows; ++t) {
#pragma GCC unroll 4
    for (int c = 0; c < Channels; ++c) {
      const VF gradient = broadcast(gradients[t * kChannels + c]);
      const float* patch = x + offsets[t * kChannels + c];
#pragma GCC unroll 9
      for (int v = 0; v < Vectors; ++v) sum[c][v] = fma(gradient, load(patch + v * kWidth), sum[c][v]);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < Channels; ++c)
#pragma GCC unroll 9
    for (int v = 0; v < Vectors; ++v) store(sums + (c * Vectors + v) * kWidth, sum[c][v]);
}

template <int CI>
void backward(const zt_conv_shape& s, const Frames& frames, const uint8_t* argmax, const float* dy, float* dweight,
              float* dbias, float* workspace, int threads) {
  constexpr int vectors = (9 * CI + kWidth - 1) / kWidth;
  constexpr int channels = vectors <= 3 ? 4 : vectors <= 6 ? 2 : 1;
  const Bands bands(s);
  const Sizes z(s, bands);
  const int32_t row = static_cast<int32_t>(z.row);
  const Strides strides = {3 * CI, row, static_cast<int32_t>(2 * bands.band_rows) * row};
  float* const partials = workspace + 3 * z.line + z.packed + 2 * z.gathered;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const lines = workspace + omp_get_thread_num() * z.per_thread();
    float* const packed = lines + 3 * z.line;
    float* const gradients = packed + z.packed;
    int32_t* const offsets = reinterpret_cast<int32_t*>(gradients + z.gathered);
    float* const sums = gradients + 2 * z.gathered;
    float* const bias = sums + z.co * vectors * kWidth;
    for (int64_t i = 0; i < z.partial; ++i) sums[i] = 0;
    for (int64_t i = 0; i < z.packed; ++i) packed[i] = 0;
#pragma omp for schedule(static)
    for (int64_t index = 0; index < bands.count; ++index) {
      const Band band(s, bands, index);
      pack<CI>(s, z, bands, band, strides, frames, lines, packed);
      for (int64_t o = 0; o < z.co; o += kChannels) {
        const int64_t windows = gather_gradients(s, bands, band, o, strides, argmax, dy, gradients, offsets, bias + o);
        for (int64_t c = 0; c < kChannels; c += channels)
          accumulate<vectors, channels>(packed, gradients + c, offsets + c, windows, sums + (o + c) * vectors * kWidth);
      }
    }
#pragma omp for schedule(static)
    for (int64_t o = 0; o < s.out_channels; ++o) {
      dbias[o] = 0;
      for (int k = 0; k < 9 * CI; ++k) dweight[o * 9 * CI + k] = 0;
      for (int thread = 0; thread < omp_get_num_threads(); ++thread) {  //  may be fewer than asked for
        const float* from = partials + thread * z.per_thread();
        dbias[o] += from[z.co * vectors * kWidth + o];
        for (int kh = 0; kh < 3; ++kh)
          for (int kw = 0; kw < 3; ++kw)
            for (int i = 0; i < CI; ++i)
              dweight[((o * CI + i) * 3 + kh) * 3 + kw] += from[o * vectors * kWidth + (kw * 3 + kh) * CI + i];
      }
    }
  }
}

}  // namespace

size_t conv_first_backward_workspace(const zt_conv_shape& s, int threads) {
  return threads * Sizes(s, Bands(s)).per_thread();
}

void conv_first_backward(const zt_conv_shape& s, const float* x, const uint8_t* pixels, const uint8_t* argmax,
                         const float* dy, float* dweight, float* dbias, float* workspace, int threads) {
  const Frames frames = {x, pixels};
  switch (s.in_channels) {
    case 1:
      return backward<1>(s, frames, argmax, dy, dweight, dbias, workspace, threads);
    case 2:
      return backward<2>(s, frames, argmax, dy, dweight, dbias, workspace, threads);
    case 3:
      return backward<3>(s, frames, argmax, dy, dweight, dbias, workspace, threads);
    default:
      return backward<4>(s, frames, argmax, dy, dweight, dbias, workspace, threads);
  }
}

}  // namespace zt::ZT_ISA
