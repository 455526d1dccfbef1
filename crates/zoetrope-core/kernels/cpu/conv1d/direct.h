// The convolution over time as one tall product: a row is what all taps read for one step, side by side. The clips'
// rows are copied, with the zeros before and behind. With a dilation, what the taps read is copied for each row.
#pragma once

#include <omp.h>

#include "../simd/tall_product.h"
#include "clips.h"

namespace zt::ZT_ISA {

// out [rows][columns] = Σ over taps of values [rows at the tap's distance][width] · weights [tap][width][columns].
struct Direct {
  static constexpr int64_t kShareRows = 384;          //  of a thread's share, at most
  static constexpr int64_t kShareFloats = 1ll << 17;  //  that its rows read: they stay in L2

  const zt_conv1d_shape& s;
  TallWeights weights;
  int64_t width, columns, reach;  //  reach: how many steps the first and the last tap are away
  int64_t rows, share, shares;    //  rows of a share, and how many shares there are
  float *packed, *bias, *copies, *scratch;
  const float** a;
  float** c;
  Run* runs;
  int64_t copied, own;

  Direct(const zt_conv1d_shape& shape, int64_t of_width, int64_t of_columns, int threads, Cutter& cut)
      : s(shape),
        weights(shape.taps * of_width, of_columns),
        width(of_width),
        columns(of_columns),
        reach(distance_of(shape, shape.taps - 1)),
        rows(rows_of(shape)),
        share(
            smaller(ceil_div(rows, 2 * threads), smaller(kShareRows, larger(kShareFloats / weights.depth, kMaxRows)))),
        shares(ceil_div(rows, share)),
        copied(round_up(gathers() ? share * weights.depth : (share + 2 * reach * smaller(share, s.batch)) * width, 16)),
        own(round_up(tall_scratch(weights), 16)) {
    packed = cut.take(weights.size());
    bias = cut.take(weights.panels() * kPanel);
    copies = cut.take(threads * copied);
    scratch = cut.take(threads * own);
    a = cut.take_of<const float*>(threads * share);
    c = cut.take_of<float*>(threads * share);
    runs = cut.take_of<Run>(Runs::most(weights, 1));
  }

  // Before the threads begin. `of_bias` may be null.
  void begin(const float* of_bias) const {
    for (int64_t i = 0; i < weights.panels() * kPanel; ++i)
      bias[i] = i < columns && of_bias != nullptr ? of_bias[i] : 0;
    Runs(weights, runs).add(0, weights.depth);
  }

  // All threads come here.
  void pack(const TapWeights& of) const {
#pragma omp for schedule(static)
    for (int64_t panel = 0; panel < weights.panels(); ++panel)
      weights.pack(panel, of.of_column, packed, [&](int64_t k) { return of.row(k / width, k % width); });
  }

  // All threads come here.
  void multiply(const float* values, bool relu, float* out) const {
    const int64_t thread = omp_get_thread_num(), panels = weights.panels();
    const int64_t parts = smaller(panels, ceil_div(2 * omp_get_num_threads(), shares));
    const float** const from = a + thread * share;
    float** const to = c + thread * share;
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < shares * parts; ++task) {
      const int64_t first = task / parts * share, part = task % parts;
      const int64_t count =
          take_rows(values, out, first, smaller(first + share, rows), copies + thread * copied, from, to);
      const TallRows of_task = {count, from, to, panels * part / parts, panels * (part + 1) / parts};
      multiply_tall(weights, packed, bias, relu, runs, of_task, scratch + thread * own,
                    [](int64_t, int64_t, int64_t, int64_t) {});
    }
  }

 private:
  bool gathers() const { return s.dilation > 1; }

  // Copies what the rows first … end read, and says where that of each begins and where its results go.
  int64_t take_rows(const float* values, float* out, int64_t first, int64_t end, float* copy, const float** from,
                    float** to) const {
    int64_t count = 0;
    for (int64_t clip = clip_of(s, first), row = first; row < end; ++clip) {
      const int64_t until = smaller(end, begin_of(s, clip + 1));
      const float* next = copy;
      copy = gathers() ? gather(values, clip, row, until, copy) : copy_clip(values, clip, row, until, copy);
      for (; row < until; ++row, ++count, next += gathers() ? weights.depth : width)
        from[count] = next, to[count] = out + row * columns;
    }
    return count;
  }

  // The rows row … until of a clip, and those that their taps reach. Returns where the copy ends.
  float* copy_clip(const float* values, int64_t clip, int64_t row, int64_t until, float* copy) const {
    const int64_t low = larger(row - reach, begin_of(s, clip)), high = smaller(until + reach, begin_of(s, clip + 1));
    const int64_t before = low - (row - reach), behind = until + reach - high;
    zero_floats(before * width, copy);
    copy_floats(values + low * width, (high - low) * width, copy + before * width);
    zero_floats(behind * width, copy + (before + high - low) * width);
    return copy + (before + high - low + behind) * width;
  }

  // What each tap reads for the rows row … until of a clip.
  float* gather(const float* values, int64_t clip, int64_t row, int64_t until, float* copy) const {
    for (; row < until; ++row)
      for (int64_t tap = 0; tap < s.taps; ++tap, copy += width) {
        const int64_t other = row + distance_of(s, tap);
        if (other >= begin_of(s, clip) && other < begin_of(s, clip + 1))
          copy_floats(values + other * width, width, copy);
        else
          zero_floats(width, copy);
      }
    return copy;
  }
};

}  // namespace zt::ZT_ISA
