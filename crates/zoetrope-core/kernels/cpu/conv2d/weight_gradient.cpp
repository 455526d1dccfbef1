// The gradients of a convolution's weights and bias.
//
//   dweight [out][kernel * kernel * in] = Σ over patches of dyᵀ · patch       dbias = Σ dy
//
// A task takes some panels of the patches' columns and one part of the patches, some at a time, whose dy stays in L2:
// it finds the panel's columns of these patches, copies them where zeros come in, and multiplies them with all of dy's
// channels, of which those that ReLU let pass are copied. The parts depend on the sizes alone, not on the threads.
// Their sums are added at the end.
//
// Cost: 2·patches·kernel²·in_channels·out_channels FLOPs.
#include <omp.h>

#include "weight_gradient_tiles.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kPatches = 128;  //  that are summed before their sum is added: a long sum would lose digits
constexpr int64_t kPacked = kPatches * kPanel + kWidth;
constexpr int64_t kPassed = kPatches * kChannels;

struct Workspace {
  int64_t own;  //  floats of a thread
  float *sums, *bias, *packed;
  Columns* columns;
  int64_t size;

  Workspace(const Sizes& z, bool relu, int threads, float* at) : Workspace(z, relu, threads, Cutter(at)) {}

 private:
  Workspace(const Sizes& z, bool relu, int threads, Cutter cut)
      : own(round_up(z.on_tiles ? gradient_scratch() : kPacked + (relu ? kPassed : 0), 16)),
        sums(cut.take(z.parts * z.sums())),
        bias(cut.take(z.parts * round_up(z.out, kWidth))),
        packed(cut.take(threads * own)),
        columns(cut.take_of<Columns>(z.panels)),
        size(cut.size()) {}
};

// sums [kCount][kPanel] = or += Σ over patches of dy [count][kCount of `out`]ᵀ · rows [count][kVectors].
template <int kCount, int kVectors>
ZT_NOINLINE void gradient_tile(const float* dy, int64_t out, const float* const* rows, int64_t count, bool adds,
                               float* sums) {
  VF local[kCount][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) local[r][v] = zero();
  for (int64_t k = 0; k < count; ++k, dy += out) {
    VF values[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) values[v] = load(rows[k] + v * kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kCount; ++r) {
      const VF scale = broadcast(dy[r]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) local[r][v] = fma(scale, values[v], local[r][v]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* const to = sums + r * kPanel + v * kWidth;
      store(to, adds ? load(to) + local[r][v] : local[r][v]);
    }
}

void sum_weight(const Gradient& g, float* packed) {
  for (int64_t patch = g.begin; patch < g.end; patch += kPatches) {
    const int64_t count = smaller(kPatches, g.end - patch);
    const float* dy = g.dy + patch * g.z.out + g.first_channel;
    int64_t stride = g.z.out;
    if (g.y != nullptr) {
      float* const chosen = packed + kPacked;
      stride = round_up(g.channels, kWidth);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t c = 0; c < g.channels; c += kWidth) store(chosen + i * stride + c, g.passed_at(patch + i, c));
      dy = chosen;
    }
    for (int64_t panel = 0; panel < g.panels; ++panel) {
      const float* rows[kPatches];
      g.columns[panel].find(patch, count, packed, rows);
      const auto tiles = [&](auto vectors) {
        for_tiles(g.channels, [&](auto constant, int64_t channel) {
          gradient_tile<decltype(constant)::count, decltype(vectors)::count>(
              dy + channel, stride, rows, count, patch > g.begin, g.sums_at(panel, channel));
        });
      };
      if (g.columns[panel].is_narrow())
        tiles(RowCount<1>());
      else
        tiles(RowCount<2>());
    }
  }
}

void sum_bias(const Sizes& z, const float* dy, const float* y, int64_t part, float* sums) {
  const int64_t begin = z.begin(part), end = z.begin(part + 1);
  for (int64_t c = 0; c < z.out; c += kWidth) store(sums + c, zero());
  for (int64_t patch = begin; patch < end; patch += kPatches)
    for (int64_t c = 0; c < z.out; c += kWidth) {
      const int64_t last = smaller(patch + kPatches, end);
      VF sum = zero();
      for (int64_t i = patch; i < last; ++i) sum += passed(dy, y, i * z.out + c, z.out - c);
      store(sums + c, load(sums + c) + sum);
    }
}

}  // namespace

size_t conv2d_weight_gradient_workspace(const zt_conv2d_shape& s, int threads) {
  return Workspace(Sizes(s), s.relu, threads, nullptr).size;
}

void conv2d_weight_gradient(const zt_conv2d_shape& s, const float* x, const float* y, const float* dy, float* dweight,
                            float* dbias, float* workspace, int threads) {
  const Sizes z(s);
  const Workspace w(z, s.relu, threads, workspace);
  const float* const outputs = s.relu ? y : nullptr;
  const int64_t taps = s.kernel * s.kernel, padded = round_up(z.out, kWidth);
  const int64_t groups =
      smaller(z.panels, larger(ceil_div(z.panels, kGroup), ceil_div(8 * threads, z.parts * z.blocks())));
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const packed = w.packed + omp_get_thread_num() * w.own;
#pragma omp for schedule(static)
    for (int64_t panel = 0; panel < (dweight != nullptr ? z.panels : 0); ++panel)
      w.columns[panel] = Columns(s, z, x, panel);
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < (dweight != nullptr ? z.parts * groups * z.blocks() : 0); ++task) {
      const int64_t part = task / z.blocks() / groups, group = task / z.blocks() % groups, block = task % z.blocks();
      const int64_t first = z.panels * group / groups, panels = z.panels * (group + 1) / groups - first;
      const int64_t channel = block * kChannels, channels = smaller(kChannels, z.out - channel);
      float* const sums = w.sums + (part * z.panels + first) * z.out * kPanel;
      const Gradient gradient = {z,  w.columns + first, panels, channel, channels, z.begin(part), z.begin(part + 1),
                                 dy, outputs,           sums};
      if (z.on_tiles)
        sum_weight_on_tiles(gradient, packed);
      else
        sum_weight(gradient, packed);
    }
#pragma omp for schedule(static)
    for (int64_t part = 0; part < (dbias != nullptr ? z.parts : 0); ++part)
      sum_bias(z, dy, outputs, part, w.bias + part * padded);
#pragma omp for schedule(static)
    for (int64_t o = 0; o < z.out; ++o) {
      int64_t tap = 0, c = 0;  //  of column k
      for (int64_t k = 0; k < (dweight != nullptr ? z.depth : 0); k += kPanel) {
        const float* const sum = w.sums + (k / kPanel * z.out + o) * kPanel;
        VF low = load(sum), high = load(sum + kWidth);
        for (int64_t part = 1; part < z.parts; ++part)
          low += load(sum + part * z.sums()), high += load(sum + part * z.sums() + kWidth);
        float totals[kPanel];
        store(totals, low), store(totals + kWidth, high);
        for (int64_t i = 0; i < smaller(kPanel, z.depth - k); ++i) {
          dweight[(o * z.in + c) * taps + tap] = totals[i];
          if (++c == z.in) c = 0, ++tap;
        }
      }
      if (dbias == nullptr) continue;
      float total = 0;
      for (int64_t part = 0; part < z.parts; ++part) total += w.bias[part * padded + o];
      dbias[o] = total;
    }
  }
}

}  // namespace zt::ZT_ISA
