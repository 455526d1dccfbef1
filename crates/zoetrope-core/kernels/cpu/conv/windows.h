// Both weight gradients share this file. It cuts the frames into bands of pooling windows, and gathers a band's
// gradients.
//
// Max-pooling passes a window's gradient to one of the window's four pixels. So at most a quarter of the gradient of a
// convolution's full-size output is not zero. Both kernels read that gradient in sparse form: for each window and
// output channel, one value and the offset of the 3x3 patch of inputs that belongs to it.
#pragma once

#include "../simd/simd.h"
#include "conv.h"

namespace zt::ZT_ISA {

constexpr int kChannels = 16;  //  output channels whose gradients are gathered at a time

// A band is some rows of windows of one frame, or several small frames whole. A band has about 512 / kWidth windows:
// its packed inputs (kWidth channels) then stay in L1 while all output channels pass over them. Each frame's part is a
// section.
struct Bands {
  int64_t rows, cols;              //  of windows in a frame
  int64_t band_frames, band_rows;  //  of a whole band
  int64_t per_frame, count;        //  bands
  int64_t windows;                 //  in the largest band

  explicit Bands(const zt_conv_shape& s) {
    constexpr int64_t target = 512 / kWidth;
    rows = s.height / 2, cols = s.width / 2;
    band_frames = smaller(larger(1, target / (rows * cols)), s.frames);
    band_rows = smaller(rows, larger(1, target / cols));
    per_frame = ceil_div(rows, band_rows);
    count = ceil_div(s.frames, band_frames) * per_frame;
    windows = band_frames * band_rows * cols;
  }
};

struct Band {
  int64_t frame, frames, row, rows;

  Band(const zt_conv_shape& s, const Bands& bands, int64_t index) {
    frame = index / bands.per_frame * bands.band_frames, frames = smaller(bands.band_frames, s.frames - frame);
    row = index % bands.per_frame * bands.band_rows, rows = smaller(bands.band_rows, bands.rows - row);
  }
};

// Distances in floats inside the packed inputs of a band.
struct Strides {
  int32_t pixel, row, section;
};

// For output channels o … o + kChannels and each window of the band: the gradient (0 where ReLU cut it, and for
// channels that do not exist) and the offset of its patch, both [windows][kChannels]. Adds to dbias [kChannels].
ZT_INLINE int64_t gather_gradients(const zt_conv_shape& s, const Bands& bands, const Band& band, int64_t o,
                                   const Strides& strides, const uint8_t* argmax, const float* dy, float* gradients,
                                   int32_t* offsets, float* dbias) {
  constexpr int parts = kChannels / kWidth;
  const bool whole = o + kChannels <= s.out_channels;
  VF bias[parts];
  for (int v = 0; v < parts; ++v) bias[v] = load(dbias + v * kWidth);
  int64_t t = 0;
  for (int64_t f = 0; f < band.frames; ++f) {
    int64_t at = ((band.frame + f) * bands.rows + band.row) * bands.cols * s.out_channels + o;
    for (int64_t r = 0; r < band.rows; ++r) {
      for (int64_t c = 0; c < bands.cols; ++c, ++t, at += s.out_channels) {
        const int32_t corner = static_cast<int32_t>(f * strides.section + 2 * r * strides.row + 2 * c * strides.pixel);
        uint8_t some_argmax[kChannels];
        float some_dy[kChannels];
        const uint8_t* a = argmax + at;
        const float* g = dy + at;
        if (!whole) {
          for (int64_t k = 0; k < kChannels; ++k) {
            const bool exists = o + k < s.out_channels;
            some_argmax[k] = exists ? a[k] : 4;
            some_dy[k] = exists ? g[k] : 0;
          }
          a = some_argmax, g = some_dy;
        }
        for (int v = 0; v < parts; ++v) {
          const VI position = load_bytes(a + v * kWidth);
          const VF gradient = select(position < broadcast(4), load(g + v * kWidth), zero());
          bias[v] += gradient;
          store(gradients + t * kChannels + v * kWidth, gradient);
          store(offsets + t * kChannels + v * kWidth,
                corner + (-(position & 1) & strides.pixel) + (-(position >> 1 & 1) & strides.row));
        }
      }
    }
  }
  for (int v = 0; v < parts; ++v) store(dbias + v * kWidth, bias[v]);
  return t;
}

}  // namespace zt::ZT_ISA
