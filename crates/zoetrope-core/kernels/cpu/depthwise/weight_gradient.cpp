// The gradients of weights and bias: dweight(tap) = Σ dy · x at the tap, dbias = Σ dy.
//
// Frames are divided into at most kParts parts, and channels into blocks. A task sums one part of one block; then the
// parts are added in order. So the number of threads does not matter.
//
// Cost: 2·kernel_height·kernel_width FLOPs for each value of dy.
#include "../simd/cutter.h"
#include "lines.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kParts = 16, kBlock = 64, kPixels = 256;
constexpr int kRows = 3, kColumns = 5;  //  taps whose sums are in registers at once, at most: 15 of 16 with AVX2

int64_t parts_of(const zt_depthwise_shape& s) { return smaller(kParts, s.frames); }
int64_t taps_of(const zt_depthwise_shape& s) { return s.kernel_height * s.kernel_width; }

// The sums of a task: [tap][channels], behind them that of dy.
struct Sums {
  const zt_depthwise_shape& s;
  float* at;

  Sums(const zt_depthwise_shape& s, float* workspace, int64_t part)
      : s(s), at(workspace + part * (taps_of(s) + 1) * padded_channels(s)) {}
  float* of(int64_t tap) const { return at + tap * padded_channels(s); }
};

// Some rows of dy, each of which is read by the same taps, the frame that they come from, and a block of channels.
struct Rows {
  const zt_depthwise_shape& s;
  const Frame& frame;
  const float *x, *dy;  //  of the frame; of the first row
  int64_t count;
  Taps taps;           //  along the height, for the first row
  int64_t begin, end;  //  channels

  // The columns that tap `tap` along the width brings to pixels of x.
  int64_t first(int64_t tap) const {
    return smaller(frame.columns, ceil_div(larger(s.padding_beside - tap * s.dilation, 0), s.stride));
  }
  int64_t behind(int64_t tap) const {
    const int64_t last = frame.width - 1 + s.padding_beside - tap * s.dilation;
    return last < 0 ? 0 : smaller(frame.columns, last / s.stride + 1);
  }
};

// Adds kRowTaps taps along the height from the i-th on, times kColumnTaps along the width from `tap` on, to the sums.
template <int kRowTaps, int kColumnTaps>
void add(const Rows& r, int64_t i, int64_t tap, const Sums& sums) {
  const zt_depthwise_shape& s = r.s;
  const int64_t step = s.stride * s.channels, along = s.dilation * s.channels, line = r.frame.width * s.channels,
                down = r.taps.at_step * line;
  const float* const x = r.x + (r.taps.at + i * r.taps.at_step) * line + tap * along - s.padding_beside * s.channels;
  //  Where all of the taps are in the frame.
  int64_t first = 0, behind = r.frame.columns;
  for (int j = 0; j < kColumnTaps; ++j) {
    first = larger(first, r.first(tap + j));
    behind = smaller(behind, r.behind(tap + j));
  }
  if (first >= behind) first = behind = 0;
  for_vectors(r.begin, r.end, [&](auto vector, int64_t c, int64_t left) {
    constexpr bool kWhole = decltype(vector)::is_whole;
    VF totals[kRowTaps][kColumnTaps];
    for (auto& row : totals)
      for (VF& total : row) total = zero();
    for (int64_t row = 0; row < r.count; ++row) {
      const float *const dy = r.dy + row * r.frame.columns * s.channels + c, *const from =
                                                                                 x + row * s.stride * line + c;
      for (int64_t q = first; q < behind; ++q) {
        const VF d = load_part<kWhole>(dy + q * s.channels, left);
#pragma GCC unroll 3
        for (int k = 0; k < kRowTaps; ++k)
#pragma GCC unroll 5
          for (int j = 0; j < kColumnTaps; ++j)
            totals[k][j] = fma(load_part<kWhole>(from + q * step + k * down + j * along, left), d, totals[k][j]);
      }
      for (int side = 0; side < 2; ++side)  //  the others, tap by tap
#pragma GCC unroll 5
        for (int j = 0; j < kColumnTaps; ++j) {
          const int64_t own_first = r.first(tap + j), own_behind = r.behind(tap + j);
          const int64_t end = side == 1 ? own_behind : smaller(first, own_behind);
          for (int64_t q = side == 1 ? larger(behind, own_first) : own_first; q < end; ++q) {
            const VF d = load_part<kWhole>(dy + q * s.channels, left);
#pragma GCC unroll 3
            for (int k = 0; k < kRowTaps; ++k)
              totals[k][j] = fma(load_part<kWhole>(from + q * step + k * down + j * along, left), d, totals[k][j]);
          }
        }
    }
#pragma GCC unroll 3
    for (int k = 0; k < kRowTaps; ++k)
#pragma GCC unroll 5
      for (int j = 0; j < kColumnTaps; ++j) {
        float* const to = sums.of((r.taps.tap + i + k) * s.kernel_width + tap + j) + c;
        store(to, load(to) + totals[k][j]);
      }
  });
}

template <int kRowTaps>
void add_rows(const Rows& r, int64_t i, const Sums& sums) {
  const int64_t width = r.s.kernel_width;
  int64_t tap = 0;
  while (tap < width) {
    const int64_t left = width - tap;
    if (left >= kColumns && left != kColumns + 1)
      add<kRowTaps, kColumns>(r, i, tap, sums), tap += kColumns;
    else if (left >= 3)
      add<kRowTaps, 3>(r, i, tap, sums), tap += 3;
    else {
      for (int64_t k = i; k < i + kRowTaps; ++k) add<1, 1>(r, k, tap, sums);
      ++tap;
    }
  }
}

void add_gradients(const Rows& r, const Sums& sums) {
  int64_t i = 0;
  for (; i + kRows <= r.taps.count; i += kRows) add_rows<kRows>(r, i, sums);
  for (; i < r.taps.count; ++i) add_rows<1>(r, i, sums);
}

void add_bias(const Rows& r, float* sums) {
  for_vectors(r.begin, r.end, [&](auto, int64_t c, int64_t left) {
    VF total = zero();
    for (int64_t q = 0; q < r.count * r.frame.columns; ++q) total += load_first(r.dy + q * r.s.channels + c, left);
    store(sums + c, load(sums + c) + total);
  });
}

// Calls body(rows) for rows of dy that the same taps read, about kPixels of them at once: a longer sum would lose
// digits.
template <typename Body>
void for_rows(const zt_depthwise_shape& s, const Frame& f, const float* x, const float* dy, int64_t begin, int64_t end,
              const Body& body) {
  const auto taps_of = [&](int64_t row) {
    return taps_forward(s, s.kernel_height, s.padding_above).within(f.height, row * s.stride);
  };
  const int64_t most = larger(1, kPixels / f.columns);
  for (int64_t row = 0, count; row < f.rows; row += count) {
    const Taps taps = taps_of(row);
    for (count = 1; row + count < f.rows && count < most; ++count) {
      const Taps other = taps_of(row + count);
      if (other.tap != taps.tap || other.count != taps.count) break;
    }
    body(Rows{s, f, x + f.x * s.channels, dy + (f.y + row * f.columns) * s.channels, count, taps, begin, end});
  }
}

}  // namespace

size_t depthwise_weight_gradient_workspace(const zt_depthwise_shape& s) {
  return parts_of(s) * (taps_of(s) + 1) * padded_channels(s);
}

void depthwise_weight_gradient(const zt_depthwise_shape& s, const float* x, const float* dy, float* dweight,
                               float* dbias, float* workspace, int threads) {
  const int64_t parts = parts_of(s), taps = taps_of(s), blocks = ceil_div(s.channels, kBlock);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < parts * blocks; ++task) {
      const int64_t part = task / blocks, begin = task % blocks * kBlock, end = smaller(begin + kBlock, s.channels);
      const Sums sums(s, workspace, part);
      for (int64_t tap = 0; tap <= taps; ++tap)
        for (int64_t c = begin; c < round_up(end, 16); ++c) sums.of(tap)[c] = 0;
      for (int64_t frame = s.frames * part / parts; frame < s.frames * (part + 1) / parts; ++frame) {
        const Frame f(s, frame);
        for_rows(s, f, x, dy, begin, end, [&](const Rows& rows) {
          if (dweight != nullptr) add_gradients(rows, sums);
          if (dbias != nullptr) add_bias(rows, sums.of(taps));
        });
      }
    }
#pragma omp for schedule(static)
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t tap = 0; tap <= taps; ++tap) {
        float* const to = tap < taps ? dweight : dbias;
        if (to == nullptr) continue;
        float total = 0;
        for (int64_t part = 0; part < parts; ++part) total += Sums(s, workspace, part).of(tap)[c];
        to[tap < taps ? c * taps + tap : c] = total;
      }
  }
}

}  // namespace zt::ZT_ISA
