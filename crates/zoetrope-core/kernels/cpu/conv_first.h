// What the first block's kernels share: frames as they come, [frames, channels, height, width] of floats or bytes,
// turned into rows of pixels with their channels side by side.
#pragma once

#include "conv.h"
#include "simd.h"

namespace zt::ZT_ISA {

struct Frames {
  const float* floats;  //  one of the two is null
  const uint8_t* bytes;
  const float* unit;  //  [256]: byte / 255
};

constexpr int64_t kUnit = 256;

ZT_INLINE Frames frames_of(const float* floats, const uint8_t* bytes, float* unit) {
  for (int64_t i = 0; i < kUnit; ++i) unit[i] = static_cast<float>(i) / 255.f;
  return {floats, bytes, unit};
}

// One row of a frame as `cols` pixels of CI channels from column -1 on, zeros outside the frame. Writes up to kWidth
// floats behind it.
template <int CI>
ZT_INLINE void interleave_row(const zt_conv_shape& s, const Frames& frames, int64_t frame, int64_t row, int64_t cols,
                              float* to) {
  if (row < 0 || row >= s.height) {
    for (int64_t k = 0; k < cols * CI; k += kWidth) store(to + k, zero());
    return;
  }
  for (int c = 0; c < CI; ++c) to[c] = 0;
  const int64_t inside = smaller(cols - 1, s.width), plane = s.height * s.width;
  const int64_t at = frame * CI * plane + row * s.width;
  if (frames.floats != nullptr) {
    const float* from = frames.floats + at;
    for (int64_t w = 0; w < inside; ++w)
      for (int c = 0; c < CI; ++c) to[(w + 1) * CI + c] = from[c * plane + w];
  } else {
    const uint8_t* from = frames.bytes + at;
    for (int64_t w = 0; w < inside; ++w)
      for (int c = 0; c < CI; ++c) to[(w + 1) * CI + c] = frames.unit[from[c * plane + w]];
  }
  for (int64_t k = (inside + 1) * CI; k < cols * CI; ++k) to[k] = 0;
}

}  // namespace zt::ZT_ISA
