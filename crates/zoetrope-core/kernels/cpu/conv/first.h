// The first block's kernels share this file: they read frames of [frames, channels, height, width], floats or bytes.
#pragma once

#include "../simd/simd.h"
#include "conv.h"

namespace zt::ZT_ISA {

struct Frames {
  const float* floats;  //  one of the two is null
  const uint8_t* bytes;
};

// Reads one row of a frame: `Channels` neighbouring channels, the first of which is `channel`. Writes `cols` pixels,
// from column -1 on, with a pixel's channels side by side. A byte becomes byte / 255. Pixels outside the frame are
// zero.
template <int Channels>
ZT_INLINE void read_row(const zt_conv_shape& s, const Frames& frames, int64_t frame, int64_t channel, int64_t row,
                        int64_t cols, float* to) {
  const int64_t inside = row >= 0 && row < s.height ? smaller(cols - 1, s.width) : 0, plane = s.height * s.width;
  const int64_t at = (frame * s.in_channels + channel) * plane + row * s.width;
  for (int64_t k = 0; k < Channels; ++k) to[k] = 0;
  float* const first = to + Channels;
  if (frames.floats != nullptr)
    for (int64_t w = 0; w < inside; ++w)
      for (int k = 0; k < Channels; ++k) first[w * Channels + k] = frames.floats[at + k * plane + w];
  else
    for (int64_t w = 0; w < inside; ++w)
      for (int k = 0; k < Channels; ++k)
        first[w * Channels + k] = static_cast<float>(frames.bytes[at + k * plane + w]) / 255.f;
  for (int64_t i = inside * Channels; i < (cols - 1) * Channels; ++i) first[i] = 0;
}

}  // namespace zt::ZT_ISA
