// The outputs of Winograd's tiles: products to outputs, then what follows the convolution, then y.
#pragma once

#include "activation.h"
#include "pool.h"
#include "tiles.h"

namespace zt::ZT_ISA {

ZT_INLINE bool is_pooled(const zt_conv_output& output) { return output.pool != zt_no_pool; }

ZT_INLINE bool is_block(const zt_conv_output& output) {
  return output.residual == nullptr && output.activation == zt_relu && output.pool == zt_max_pool;
}

// Where a tile's outputs lie.
struct Place {
  int64_t y, pixel;    //          its first pixel of y, and of the convolution's output
  int64_t rows, cols;  //          of y that the tile has: fewer at the frame's end
  int64_t pixel_rows, pixel_cols;
};

ZT_INLINE Place locate(const Tiles& z, int64_t tile) {
  const int64_t frame = tile / (z.tile_rows * z.tile_cols), in_frame = tile % (z.tile_rows * z.tile_cols);
  const int64_t row = in_frame / z.tile_cols, col = in_frame % z.tile_cols;
  return {(frame * z.y_rows + row * z.side) * z.y_cols + col * z.side,
          (frame * z.rows + row * 4) * z.cols + col * 4,
          smaller(z.side, z.y_rows - row * z.side),
          smaller(z.side, z.y_cols - col * z.side),
          smaller(4, z.rows - row * 4),
          smaller(4, z.cols - col * 4)};
}

// The position whose products are made while the outputs' lines of y come: about so many rows of U before the last one.
// Earlier, and U would take their places in the caches.
ZT_INLINE int64_t fetching_position(const zt_conv_shape& s) {
  constexpr int64_t kRowsAhead = 200;
  return larger(0, 36 - ceil_div(kRowsAhead, s.in_channels));
}

// Fetches where one panel of a tile's outputs goes.
ZT_INLINE void fetch_outputs(const zt_conv_shape& s, const Tiles& z, const zt_conv_output& output, const Place& place,
                             int64_t o) {
  for (int64_t r = 0; r < place.rows; ++r)
    for (int64_t c = 0; c < place.cols; ++c) {
      const float* const to = output.y + (place.y + r * z.y_cols + c) * s.out_channels + o;
      for (int64_t line = 0; line < kPanel; line += 16) __builtin_prefetch(to + line, 1, 2);
    }
}

// The 4x4 outputs of one tile for one vector of output channels.
ZT_INLINE void transform_output(const float* M, VF outputs[16]) {
  VF half[24];
  for (int b = 0; b < 6; ++b) {
    VF m[6];
    for (int a = 0; a < 6; ++a) m[a] = load(M + (a * 6 + b) * kPanel);
    winograd_output(m, 1, half + b, 6);
  }
  for (int a = 0; a < 4; ++a) winograd_output(half + a * 6, 1, outputs + a * 4, 1);
}

// Window w of a tile's 4x4 outputs: the windows are its corners, row-major.
template <int w>
ZT_INLINE void pool_window(const VF* outputs, VF bias, VF* y, VI* argmax) {
  const VF* const window = outputs + w / 2 * 8 + w % 2 * 2;
  pool<w>(window[0], window[1], window[4], window[5], bias, y[w], argmax[w]);
}

// A block's tile: y and, where there is one, argmax of its windows, of `channels` output channels from `o` on.
template <bool kHasArgmax>
ZT_INLINE void finish_block(const zt_conv_shape& s, const Tiles& z, const zt_conv_output& output, const Place& place,
                            VF bias, int64_t o, const float* M) {
  VF outputs[16], y[4];
  VI argmax[4];
  transform_output(M, outputs);
  pool_window<0>(outputs, bias, y, argmax);
  pool_window<1>(outputs, bias, y, argmax);
  pool_window<2>(outputs, bias, y, argmax);
  pool_window<3>(outputs, bias, y, argmax);
  const int64_t channels = s.out_channels - o;
#pragma GCC unroll 4
  for (int w = 0; w < 4; ++w) {
    if (w / 2 >= place.rows || w % 2 >= place.cols) continue;
    const int64_t at = (place.y + w / 2 * z.y_cols + w % 2) * s.out_channels + o;
    if (channels >= kWidth) {
      store(output.y + at, y[w]);
      if (kHasArgmax) store_bytes(output.argmax + at, argmax[w]);
    } else {
      store_first(output.y + at, y[w], channels);
      for (int64_t c = 0; kHasArgmax && c < channels; ++c) output.argmax[at + c] = static_cast<uint8_t>(argmax[w][c]);
    }
  }
}

// A tile with any residual sum and pooling.
template <zt_conv_activation kActivation>
void finish_any(const zt_conv_shape& s, const Tiles& z, const zt_conv_output& output, const Place& place, VF bias,
                int64_t o, const float* M) {
  VF outputs[16];
  transform_output(M, outputs);
  const int64_t channels = s.out_channels - o;
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t c = 0; c < 4; ++c) {
      VF value = outputs[r * 4 + c] + bias;
      if (output.residual != nullptr && r < place.pixel_rows && c < place.pixel_cols)
        value += load_first(output.residual + (place.pixel + r * z.cols + c) * s.out_channels + o, channels);
      outputs[r * 4 + c] = activate<kActivation>(value);
    }
  for (int64_t r = 0; r < place.rows; ++r)
    for (int64_t c = 0; c < place.cols; ++c) {
      const VF* const window = outputs + r * 8 + c * 2;
      VF value = outputs[r * 4 + c];
      if (output.pool == zt_max_pool) value = largest(window[0], window[1], window[4], window[5]);
      if (output.pool == zt_average_pool) value = ((window[0] + window[1]) + (window[4] + window[5])) / 4;
      store_first(output.y + (place.y + r * z.y_cols + c) * s.out_channels + o, value, channels);
    }
}

// Writes `count` <= kRows tiles, for one panel of output channels from `o`, whose products are M [kRows][36][kPanel].
// `bias` goes up to whole panels.
ZT_INLINE void finish_tiles(const zt_conv_shape& s, const Tiles& z, const zt_conv_output& output, const Place* places,
                            int64_t count, int64_t o, const float* M, const float* bias) {
  const auto each = [&](const auto& finish) {
    for (int64_t t = 0; t < count; ++t)
      for (int64_t v = o; v < o + kPanel && v < s.out_channels; v += kWidth)
        finish(s, z, output, places[t], load(bias + v), v, M + t * 36 * kPanel + (v - o));
  };
  if (output.argmax != nullptr) return each(finish_block<true>);
  if (is_block(output)) return each(finish_block<false>);  //  inference: nothing is computed for argmax
  with_activation(output.activation, [&](auto activation) { each(finish_any<decltype(activation)::value>); });
}

}  // namespace zt::ZT_ISA
