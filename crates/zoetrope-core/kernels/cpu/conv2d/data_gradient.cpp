// The gradient of a convolution's frames. With stride s, the pixels of x are s x s phases: a pixel's place in a square
// of s x s says which taps reach it. Each phase is a product of the patches of dy with its taps, so every element of dx
// is written once.
//
//   dx[s * row + phase] = Σ over taps with (phase + padding - tap * dilation) % s = 0 of dy[row + shift] · weight[tap]
//   shift = (phase + padding - tap * dilation) / s
//
// Cost: 2·patches·kernel²·in_channels·out_channels FLOPs, patches of the forward pass.
#include <omp.h>

#include "patches.h"

namespace zt::ZT_ISA {
namespace {

// The taps that reach a phase, in one direction, by ascending shift.
struct Taps {
  int64_t count = 0, first = 0, by = 0;  //  the tap of the lowest shift; from tap to tap
  int64_t shift = 0, shift_by = 1;       //  its shift; from shift to shift

  Taps(const zt_conv2d_shape& s, int64_t phase) {
    for (int64_t tap = s.kernel - 1; tap >= 0; --tap) {
      const int64_t from = phase + s.padding - tap * s.dilation;
      if (from % s.stride != 0) continue;
      if (count == 0) first = tap, shift = from / s.stride;
      if (count == 1) by = tap - first, shift_by = from / s.stride - shift;
      ++count;
    }
  }

  int64_t tap(int64_t i) const { return first + i * by; }
  int64_t shift_of(int64_t i) const { return shift + i * shift_by; }
};

// Patches of dy: one for each square of s x s pixels of x, with the pixels of all shifts.
Patches patches_of(const zt_conv2d_shape& s) {
  int64_t low = 0, high = 0;
  bool is_first = true;
  for (int64_t phase = 0; phase < s.stride; ++phase) {
    const Taps taps(s, phase);
    if (taps.count == 0) continue;
    const int64_t last = taps.shift_of(taps.count - 1);
    low = is_first ? taps.shift : smaller(low, taps.shift);
    high = is_first ? last : larger(high, last);
    is_first = false;
  }
  Patches p = {
      s.frames, rows_of(s), columns_of(s), s.out_channels, ceil_div(s.height, s.stride), ceil_div(s.width, s.stride),
      1,        low,        high - low + 1};
  p.masked = s.relu;
  return p;
}

struct Phase {
  int64_t y, x;
  Taps vertical, horizontal;
  TallWeights weights;
  float* packed;
  Run* runs;

  Phase(const zt_conv2d_shape& s, int64_t phase)
      : y(phase / s.stride),
        x(phase % s.stride),
        vertical(s, y),
        horizontal(s, x),
        weights(vertical.count * horizontal.count * s.out_channels, s.in_channels) {}

  int64_t most_runs() const { return Runs::most(weights, vertical.count * horizontal.count); }

  void add_runs(const zt_conv2d_shape& s, const Patches& p) const {
    Runs all(weights, runs);
    for (int64_t i = 0; i < vertical.count; ++i) {
      const int64_t at = (vertical.shift_of(i) - p.low) * p.line() + (horizontal.shift - p.low) * s.out_channels;
      if (horizontal.shift_by == 1) {
        all.add(at, horizontal.count * s.out_channels);
        continue;
      }
      for (int64_t j = 0; j < horizontal.count; ++j)
        all.add(at + j * horizontal.shift_by * s.out_channels, s.out_channels);
    }
  }

  void pack(const zt_conv2d_shape& s, const float* weight, int64_t panel) const {
    const int64_t out = s.out_channels;
    weights.pack(panel, s.kernel * s.kernel, packed, [&](int64_t k) {
      const int64_t i = vertical.tap(k / out / horizontal.count), j = horizontal.tap(k / out % horizontal.count);
      return weight + (k % out * s.in_channels * s.kernel + i) * s.kernel + j;
    });
  }
};

struct Workspace {
  float *weights, *zeros, *copies, *scratch;
  const float** a;
  float** c;
  Phase* phases;
  Run* runs;
  int64_t copied, patches, panels, own = 0, size;

  Workspace(const zt_conv2d_shape& s, int threads, float* at) : Workspace(s, patches_of(s), threads, Cutter(at)) {}

  void fill(const zt_conv2d_shape& s, const Patches& p) const {
    float* next = weights;
    Run* run = runs;
    for (int64_t i = 0; i < s.stride * s.stride; ++i) {
      Phase& phase = phases[i] = Phase(s, i);
      phase.packed = next, phase.runs = run;
      phase.add_runs(s, p);
      next += phase.weights.size(), run += phase.most_runs();
    }
    for (int64_t c = 0; c < panels * kPanel; ++c) zeros[c] = 0;
  }

 private:
  Workspace(const zt_conv2d_shape& s, const Patches& p, int threads, Cutter cut)
      : copied(round_up(Shares(p, threads).copied(), 16)), patches(round_up(Shares(p, threads).patches(), 16)) {
    int64_t floats = 0, run_count = 0;
    for (int64_t i = 0; i < s.stride * s.stride; ++i) {
      const Phase phase(s, i);
      floats += phase.weights.size(), run_count += phase.most_runs();
      own = larger(own, round_up(tall_scratch(phase.weights), 16));
    }
    panels = ceil_div(s.in_channels, kPanel);
    weights = cut.take(floats);
    zeros = cut.take(panels * kPanel);
    copies = cut.take(threads * copied);
    scratch = cut.take(threads * own);
    a = cut.take_of<const float*>(threads * patches);
    c = cut.take_of<float*>(threads * patches);
    phases = cut.take_of<Phase>(s.stride * s.stride);
    runs = cut.take_of<Run>(run_count);
    size = cut.size();
  }
};

}  // namespace

size_t conv2d_data_gradient_workspace(const zt_conv2d_shape& s, int threads) {
  return Workspace(s, threads, nullptr).size;
}

void conv2d_data_gradient(const zt_conv2d_shape& s, const float* weight, const float* y, const float* dy, float* dx,
                          float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
  const Patches p = patches_of(s);
  const Shares shares(p, threads);
  const int64_t in = s.in_channels, count = s.stride * s.stride, parts = shares.parts(w.panels, threads);
  w.fill(s, p);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    const int64_t thread = omp_get_thread_num();
    float* const copy = w.copies + thread * w.copied;
    const float** const a = w.a + thread * w.patches;
    float** const c = w.c + thread * w.patches;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < count * w.panels; ++task) w.phases[task / w.panels].pack(s, weight, task % w.panels);
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < shares.count() * parts; ++task) {
      const Share share = shares.at(task / parts);
      const int64_t first = w.panels * (task % parts) / parts, end = w.panels * (task % parts + 1) / parts;
      if (p.are_copied()) copy_share(p, share, dy, y, copy);
      for (int64_t i = 0; i < count; ++i) {
        const Phase& phase = w.phases[i];
        int64_t m = 0;
        for_patches(p, share, dy, copy, [&](const float* at, int64_t frame, int64_t row, int64_t column) {
          const int64_t y = row * s.stride + phase.y, x = column * s.stride + phase.x;
          if (y >= s.height || x >= s.width) return;
          a[m] = at, c[m] = dx + ((frame * s.height + y) * s.width + x) * in;
          ++m;
        });
        if (phase.weights.depth == 0) {
          const int64_t columns = smaller(end * kPanel, in) - first * kPanel;
          for (int64_t r = 0; r < m; ++r) zero_floats(columns, c[r] + first * kPanel);
          continue;
        }
        multiply_tall(phase.weights, phase.packed, w.zeros, false, phase.runs, {m, a, c, first, end},
                      w.scratch + thread * w.own, [](int64_t, int64_t, int64_t, int64_t) {});
      }
    }
  }
}

}  // namespace zt::ZT_ISA
