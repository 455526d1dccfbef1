// The convolution over time by Winograd's algorithm with eight points (Lavin & Gray 2015; 0, ±1, ±2, ±1/2, ∞): a tile
// of 6 steps of 3 taps, 4 of 5 or 2 of 7 takes 8 multiplications for each pair of channels, instead of 18, 20 or 14.
//
//   U [panel][8][width][kPanel] = G g          once per call
//   V [8][tile][width]          = Bᵀ d         d: the tile's eight steps of values, zeros outside the clip
//   M [8][tile][kPanel]         = V · U        all the multiplications
//   y                           = Aᵀ M + bias  perhaps ReLU
//
// With a dilation, a clip's steps are so many sequences between each other. Errors are 2 to 3 times those of a direct
// sum.
#pragma once

#include <omp.h>

#include <cmath>

#include "../simd/gemm.h"
#include "clips.h"

namespace zt::ZT_ISA {

constexpr int kPoints = 8;

// Bᵀ: eight steps to eight points.
ZT_INLINE void winograd_input(const VF d[kPoints], VF out[kPoints]) {
  const VF even1 = d[2] + d[6] - 4.25f * d[4], odd1 = d[1] + d[5] - 4.25f * d[3];
  const VF even2 = d[6] + .25f * d[2] - 1.25f * d[4], odd2 = .5f * d[1] - 2.5f * d[3] + 2.f * d[5];
  const VF even3 = d[6] + 4.f * d[2] - 5.f * d[4], odd3 = 2.f * d[1] - 2.5f * d[3] + .5f * d[5];
  out[0] = d[6] - d[0] + 5.25f * (d[2] - d[4]);
  out[1] = even1 + odd1, out[2] = even1 - odd1;
  out[3] = even2 + odd2, out[4] = even2 - odd2;
  out[5] = even3 + odd3, out[6] = even3 - odd3;
  out[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
}

// Aᵀ: the products of eight points to kSteps steps.
template <int kSteps>
ZT_INLINE void winograd_output(const VF m[kPoints], VF out[kSteps]) {
  const VF sums[3] = {m[1] + m[2], m[3] + m[4], m[5] + m[6]};
  const VF differences[3] = {m[1] - m[2], m[3] - m[4], m[5] - m[6]};
#pragma GCC unroll 6
  for (int step = 0; step < kSteps; ++step) {
    const VF* const of = step % 2 == 0 ? sums : differences;
    const auto power = static_cast<float>(1 << step);
    out[step] = of[0] + power * of[1] + 1 / power * of[2];
  }
  out[0] += m[0];
  out[kSteps - 1] += m[7];
}

// G: the weights of `count` taps, `stride` floats apart, at a point.
ZT_INLINE VF winograd_weight(int point, const float* taps, int64_t count, int64_t stride) {
  constexpr float kAt[] = {0, 1, -1, 2, -2, .5f, -.5f};
  constexpr float kScale[] = {-1, -2.f / 9, -2.f / 9, 1.f / 90, 1.f / 90, 32.f / 45, 32.f / 45};
  VF sum = load(taps + (count - 1) * stride);
  if (point == kPoints - 1) return sum;
  for (int64_t tap = count - 2; tap >= 0; --tap) sum = sum * kAt[point] + load(taps + tap * stride);
  return sum * kScale[point];
}

// M [kCount][kPanel] = or += V [kCount][width] · U [depth][kPanel].
template <int kCount>
ZT_NOINLINE void winograd_tile(const float* V, int64_t width, const float* U, int64_t depth, bool adds, float* M) {
  const float* rows[kCount];
  for (int r = 0; r < kCount; ++r) rows[r] = V + r * width;
  VF sums[kCount][2];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r) sums[r][0] = zero(), sums[r][1] = zero();
  multiply_add(rows, U, depth, sums);
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      float* const to = M + r * kPanel + v * kWidth;
      store(to, adds ? load(to) + sums[r][v] : sums[r][v]);
    }
}

// The interface of Direct (direct.h).
struct Winograd {
  static constexpr int64_t kTiles = 2 * kRows;  //  of a block, whose V and M stay in L2

  const zt_conv1d_shape& s;
  int64_t width, columns, steps;  //  steps: of a tile
  int64_t depth, panels;          //  depth: the width in whole vectors
  float *U, *bias, *own;
  int32_t* before;  //  [batch + 1]: tiles of the clips before one

  // With larger dilations a tile of a short clip would be mostly empty.
  static bool suits(const zt_conv1d_shape& s, int64_t of_width, int64_t of_columns) {
    return (s.taps == 3 || s.taps == 5 || s.taps == 7) && s.dilation <= 4 && of_width >= 16 && of_columns >= 16;
  }

  Winograd(const zt_conv1d_shape& shape, int64_t of_width, int64_t of_columns, int threads, Cutter& cut)
      : s(shape),
        width(of_width),
        columns(of_columns),
        steps(kPoints + 1 - shape.taps),
        depth(round_up(of_width, kWidth)),
        panels(ceil_div(of_columns, kPanel)) {
    U = cut.take(panels * kPoints * width * kPanel);
    bias = cut.take(panels * kPanel);
    own = cut.take(threads * of_thread());
    before = cut.take_of<int32_t>(s.batch + 1);
  }

  void begin(const float* of_bias) const {
    for (int64_t i = 0; i < panels * kPanel; ++i) bias[i] = i < columns && of_bias != nullptr ? of_bias[i] : 0;
    before[0] = 0;
    for (int64_t clip = 0; clip < s.batch; ++clip) {
      int64_t tiles = 0;
      for (int64_t phase = 0; phase < s.dilation; ++phase) tiles += tiles_of(clip, phase);
      before[clip + 1] = before[clip] + static_cast<int32_t>(tiles);
    }
  }

  void pack(const TapWeights& of) const {
#pragma omp for schedule(static)
    for (int64_t panel = 0; panel < panels; ++panel)
      for (int64_t i = 0; i < width; ++i) {
        float taps[kPoints * kPanel];
        for (int64_t tap = 0; tap < s.taps; ++tap) {
          const float* const from = of.row(tap, i) + panel * kPanel * of.of_column;
          for (int64_t column = 0; column < kPanel; ++column)
            taps[tap * kPanel + column] = panel * kPanel + column < columns ? from[column * of.of_column] : 0;
        }
        for (int point = 0; point < kPoints; ++point)
          for (int64_t v = 0; v < kPanel; v += kWidth)
            store(U + ((panel * kPoints + point) * width + i) * kPanel + v,
                  winograd_weight(point, taps + v, s.taps, kPanel));
      }
  }

  void multiply(const float* values, bool relu, float* out) const {
    if (s.taps == 3) return multiply_tiles<6>(values, relu, out);
    if (s.taps == 5) return multiply_tiles<4>(values, relu, out);
    multiply_tiles<2>(values, relu, out);
  }

 private:
  // The first of a tile's steps, and those of its clip: rows begin … end.
  struct Place {
    int64_t row, begin, end;
  };

  int64_t of_thread() const { return kPoints * kTiles * (depth + kPanel); }
  int64_t length(int64_t clip) const { return begin_of(s, clip + 1) - begin_of(s, clip); }
  // Of the steps of a clip that lie `dilation` apart, from step `phase` on.
  int64_t tiles_of(int64_t clip, int64_t phase) const {
    return ceil_div(larger(ceil_div(length(clip) - phase, s.dilation), 0), steps);
  }

  void find_tiles(int64_t first, int64_t count, Place* out) const {
    int64_t clip = last_before(s.batch, first, [&](int64_t i) { return before[i]; });
    int64_t phase = 0, tile = first - before[clip];
    for (int64_t i = 0; i < count;) {
      if (tile >= tiles_of(clip, phase)) {
        tile -= tiles_of(clip, phase);
        if (++phase == s.dilation) phase = 0, ++clip;
        continue;
      }
      const int64_t begin = begin_of(s, clip);
      out[i++] = {begin + phase + tile++ * steps * s.dilation, begin, begin_of(s, clip + 1)};
    }
  }

  void transform(const Place& place, const float* values, float* V) const {
    const float* rows[kPoints];
    for (int64_t i = 0; i < kPoints; ++i) {
      const int64_t row = place.row + (i - s.taps / 2) * s.dilation;
      rows[i] = row >= place.begin && row < place.end ? values + row * width : nullptr;
    }
    for (int64_t c = 0; c < width; c += kWidth) {
      VF d[kPoints], points[kPoints];
#pragma GCC unroll 8
      for (int i = 0; i < kPoints; ++i) d[i] = rows[i] != nullptr ? load_first(rows[i] + c, width - c) : zero();
      winograd_input(d, points);
#pragma GCC unroll 8
      for (int i = 0; i < kPoints; ++i) store(V + i * kTiles * depth + c, points[i]);
    }
  }

  template <int kSteps>
  void finish(const Place& place, const float* M, int64_t panel, bool relu, float* out) const {
    for (int64_t c = 0; c < smaller(kPanel, columns - panel * kPanel); c += kWidth) {
      const int64_t column = panel * kPanel + c;
      const VF shift = load(bias + column), least = broadcast(relu ? 0.0f : -HUGE_VALF);
      VF points[kPoints], y[kSteps];
#pragma GCC unroll 8
      for (int i = 0; i < kPoints; ++i) points[i] = load(M + i * kTiles * kPanel + c);
      winograd_output<kSteps>(points, y);
#pragma GCC unroll 6
      for (int step = 0; step < kSteps; ++step) {
        const int64_t row = place.row + step * s.dilation;
        if (row >= place.end) break;
        store_first(out + row * columns + column, max(least, y[step] + shift), columns - column);  //  a NaN stays
      }
    }
  }

  template <int kSteps>
  void multiply_tiles(const float* values, bool relu, float* out) const {
    constexpr int64_t kSummed = 32;  //  a long sum would lose digits
    float* const V = own + omp_get_thread_num() * of_thread();
    float* const M = V + kPoints * kTiles * depth;
    const int64_t tiles = before[s.batch], blocks = ceil_div(tiles, kTiles);
    const int64_t parts = smaller(panels, ceil_div(2 * omp_get_num_threads(), blocks));
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < blocks * parts; ++task) {
      const int64_t first = task / parts * kTiles, count = smaller(kTiles, tiles - first), part = task % parts;
      Place places[kTiles];
      find_tiles(first, count, places);
      for (int64_t i = 0; i < count; ++i) transform(places[i], values, V + i * depth);
      for (int64_t panel = panels * part / parts; panel < panels * (part + 1) / parts; ++panel) {
        for (int64_t point = 0; point < kPoints; ++point)
          for (int64_t k = 0; k < width; k += kSummed)
            for_tiles(count, [&](auto constant, int64_t row) {
              winograd_tile<decltype(constant)::count>(
                  V + (point * kTiles + row) * depth + k, depth, U + ((panel * kPoints + point) * width + k) * kPanel,
                  smaller(kSummed, width - k), k > 0, M + (point * kTiles + row) * kPanel);
            });
        for (int64_t i = 0; i < count; ++i) finish<kSteps>(places[i], M + i * kPanel, panel, relu, out);
      }
    }
  }
};

}  // namespace zt::ZT_ISA
