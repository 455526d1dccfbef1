// What the passes share: the sizes of frames, the taps that reach a line of outputs, and their sums.
//
// Forward, y(q) = Σ x(q · stride - padding + tap · dilation) · weight(tap), along both axes. The gradient of x is such
// a sum over dy, of every `stride`-th pixel of x by the taps that reach it. Both are lines of one kind.
#pragma once

#include "../simd/simd.h"
#include "depthwise.h"

namespace zt::ZT_ISA {

ZT_INLINE int64_t outputs_of(const zt_depthwise_shape& s, int64_t size, int64_t kernel, int64_t padding) {
  return (size + 2 * padding - (kernel - 1) * s.dilation - 1) / s.stride + 1;
}

// A frame of x and of y: where it begins, and its size, in pixels.
struct Frame {
  int64_t x, height, width;
  int64_t y, rows, columns;

  Frame(const zt_depthwise_shape& s, int64_t frame)
      : height(s.height),
        width(s.width),
        rows(outputs_of(s, s.height, s.kernel_height, s.padding_above)),
        columns(outputs_of(s, s.width, s.kernel_width, s.padding_beside)) {
    x = frame * height * width, y = frame * rows * columns;
    if (s.offsets == nullptr) return;
    x = y = s.offsets[frame];
    width = columns = s.offsets[frame + 1] - x;
  }
};

// Weights [tap][channels], with zeros up to whole vectors of any instruction set.
ZT_INLINE int64_t padded_channels(const zt_depthwise_shape& s) { return round_up(s.channels, 16); }

// Taps along one axis, which lie at equal distances, and the places that they read.
struct Taps {
  int64_t count;
  int64_t tap, tap_step;
  int64_t at, at_step;

  int64_t last() const { return at + (count - 1) * at_step; }

  // Those that read a place of 0 … size - 1, moved by `by`.
  Taps within(int64_t size, int64_t by) const {
    Taps left = *this;
    left.at += by;
    const auto reads = [size](int64_t place) { return place >= 0 && place < size; };
    while (left.count > 0 && !reads(left.at)) --left.count, left.tap += tap_step, left.at += at_step;
    while (left.count > 0 && !reads(left.last())) --left.count;
    return left;
  }
};

// Of a kernel over the inputs.
ZT_INLINE Taps taps_forward(const zt_depthwise_shape& s, int64_t kernel, int64_t padding) {
  return {kernel, 0, 1, -padding, s.dilation};
}

// Of a kernel over the outputs that read input `place`.
ZT_INLINE Taps taps_backward(const zt_depthwise_shape& s, int64_t kernel, int64_t padding, int64_t place) {
  int64_t first = 0, step = 1;
  while (first < kernel && (place + padding - first * s.dilation) % s.stride != 0) ++first;
  while (step * s.dilation % s.stride != 0) ++step;
  if (first >= kernel) return {};
  const int64_t at = (place + padding - first * s.dilation) / s.stride;
  return {ceil_div(kernel - first, step), first, step, at, -(s.dilation * step / s.stride)};
}

// Calls body(VectorIs<whole>(), c, left) for each vector of `left` or more channels from `begin` to `end`.
template <bool kWhole>
struct VectorIs {
  static constexpr bool is_whole = kWhole;
};
template <typename Body>
ZT_INLINE void for_vectors(int64_t begin, int64_t end, const Body& body) {
  int64_t c = begin;
  for (; c + kWidth <= end; c += kWidth) body(VectorIs<true>(), c, kWidth);
  if (c < end) body(VectorIs<false>(), c, end - c);
}
template <bool kWhole>
ZT_INLINE VF load_part(const float* p, int64_t left) {
  return kWhole ? load(p) : load_first(p, left);
}

// A line of outputs. Output q lies at out + q · out_step and reads in + q · in_step. Steps are counted in pixels.
struct Line {
  int64_t channels, padded;
  const float* weights;  //  [tap along the height][kernel_width][padded]
  int64_t kernel_width;
  Taps rows, columns;  //  rows are within the frame
  const float* in;     //  of the frame
  int64_t width, in_step;
  float* out;
  int64_t out_step;
  const float* bias;  //  null: none
  float least, most;  //  outputs are cut off there
};

// Outputs q … q + kCount - 1. All of these columns' taps read pixels of the frame.
template <int kCount>
ZT_INLINE void outputs(const Line& l, const Taps& columns, int64_t q) {
  const int64_t step = l.in_step * l.channels, down = l.rows.at_step * l.width * l.channels,
                along = columns.at_step * l.channels;
  const int64_t weight_down = l.rows.tap_step * l.kernel_width * l.padded, weight_along = columns.tap_step * l.padded;
  const float* const in = l.in + (l.rows.at * l.width + columns.at) * l.channels + q * step;
  const float* const weights = l.weights + (l.rows.tap * l.kernel_width + columns.tap) * l.padded;
  for_vectors(0, l.channels, [&](auto vector, int64_t c, int64_t left) {
    constexpr bool kWhole = decltype(vector)::is_whole;
    VF sums[kCount];
    const VF bias = l.bias != nullptr ? load_part<kWhole>(l.bias + c, left) : zero();
    for (int p = 0; p < kCount; ++p) sums[p] = bias;
    for (int64_t i = 0; i < l.rows.count; ++i) {
      const float *from = in + i * down + c, *weight = weights + i * weight_down + c;
      for (int64_t j = 0; j < columns.count; ++j, from += along, weight += weight_along) {
        const VF w = load(weight);
#pragma GCC unroll 8
        for (int p = 0; p < kCount; ++p) sums[p] = fma(load_part<kWhole>(from + p * step, left), w, sums[p]);
      }
    }
    const VF least = broadcast(l.least), most = broadcast(l.most);
#pragma GCC unroll 8
    for (int p = 0; p < kCount; ++p) {
      const VF value = min(most, max(least, sums[p]));  //  in this order of arguments a NaN stays
      store_first(l.out + (q + p) * l.out_step * l.channels + c, value, left);
    }
  });
}

// Outputs `begin` … `end` - 1.
ZT_INLINE void outputs(const Line& l, int64_t begin, int64_t end) {
  const int64_t lowest = smaller(l.columns.at, l.columns.last()), highest = larger(l.columns.at, l.columns.last());
  //  From `first` on to in front of `behind`, all taps read pixels of the frame.
  const int64_t first = larger(begin, ceil_div(larger(-lowest, 0), l.in_step));
  const int64_t behind = smaller(end, l.width > highest ? (l.width - 1 - highest) / l.in_step + 1 : 0);
  const auto at_edge = [&](int64_t q) {
    Taps columns = l.columns.within(l.width, q * l.in_step);
    columns.at -= q * l.in_step;
    outputs<1>(l, columns, q);
  };
  int64_t q = begin;
  for (; q < smaller(first, end); ++q) at_edge(q);
  for (; q + 8 <= behind; q += 8) outputs<8>(l, l.columns, q);
  for (; q + 4 <= behind; q += 4) outputs<4>(l, l.columns, q);
  for (; q + 2 <= behind; q += 2) outputs<2>(l, l.columns, q);
  for (; q < end; ++q) at_edge(q);
}

// Outputs of a line that one thread takes at once.
constexpr int64_t kOutputs = 128;

}  // namespace zt::ZT_ISA
