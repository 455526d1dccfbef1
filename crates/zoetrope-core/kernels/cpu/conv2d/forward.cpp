// The convolution of frames as one tall product, whose rows are the patches where they lie in the frames: nothing is
// copied but the weights and, where there is padding, the lines that a thread multiplies next. On the tile unit these
// are copied also where the channels lie apart.
//
//   y [patches][out] = patches [kernel lines of a patch][kernel * in] · weights [kernel][kernel][in][out]
//
// Cost: 2·patches·kernel²·in_channels·out_channels FLOPs.
#include <omp.h>

#include "../conv/activation.h"
#include "patches.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kShortRun = 32;  //  floats

TallWeights weights_of(const zt_conv2d_shape& s) {
  return TallWeights(s.kernel * s.kernel * s.in_channels, s.out_channels);
}

Patches patches_of(const zt_conv2d_shape& s) {
  Patches p = {s.frames,      s.height, s.width,    s.in_channels, rows_of(s),
               columns_of(s), s.stride, -s.padding, reach_of(s),   s.planes};
  p.scattered = s.planes && !weights_of(s).on_tiles && !p.reach_out();
  return p;
}

// Whether a patch is read by places: to begin a short run takes as long as some of its products.
bool takes_places(const zt_conv2d_shape& s, const Patches& p) {
  const int64_t run = s.dilation == 1 ? s.kernel * s.in_channels : s.in_channels;
  return p.scattered || (run <= kShortRun && !weights_of(s).on_tiles);
}

struct Workspace {
  float *weights, *bias, *copies, *scratch;
  const float** a;
  float** c;
  Run* runs;
  Place* places;
  int64_t copied, patches, own, size;

  Workspace(const zt_conv2d_shape& s, int threads, float* at)
      : Workspace(s, weights_of(s), patches_of(s), threads, Cutter(at)) {}

 private:
  Workspace(const zt_conv2d_shape& s, const TallWeights& w, const Patches& p, int threads, Cutter cut)
      : copied(round_up(Shares(p, threads).copied(), 16)),
        patches(round_up(Shares(p, threads).patches(), 16)),
        own(round_up(tall_scratch(w), 16)) {
    weights = cut.take(w.size());
    bias = cut.take(w.panels() * kPanel);
    copies = cut.take(threads * copied);
    scratch = cut.take(threads * own);
    a = cut.take_of<const float*>(threads * patches);
    c = cut.take_of<float*>(threads * patches);
    runs = cut.take_of<Run>(Runs::most(w, s.kernel * s.kernel));
    places = cut.take_of<Place>(takes_places(s, p) ? w.depth : 0);
    size = cut.size();
  }
};

void pack(const zt_conv2d_shape& s, const float* weight, float* packed) {
  const TallWeights w = weights_of(s);
  const int64_t taps = s.kernel * s.kernel, in = s.in_channels;
#pragma omp for schedule(static)
  for (int64_t panel = 0; panel < w.panels(); ++panel)
    w.pack(panel, in * taps, packed, [&](int64_t k) { return weight + k % in * taps + k / in; });
}

void runs_of(const zt_conv2d_shape& s, const Patches& p, Run* out) {
  const TallWeights w = weights_of(s);
  Runs runs(w, out);
  for (int64_t y = 0; y < s.kernel; ++y) {
    const int64_t at = y * s.dilation * p.line();
    if (s.dilation == 1) {
      runs.add(at, s.kernel * s.in_channels);
      continue;
    }
    for (int64_t x = 0; x < s.kernel; ++x) runs.add(at + x * s.dilation * s.in_channels, s.in_channels);
  }
}

void places_of(const zt_conv2d_shape& s, const Patches& p, Place* out) {
  const int64_t apart = p.scattered ? s.height * s.width : 1;  //  channels
  for (int64_t y = 0; y < s.kernel; ++y)
    for (int64_t x = 0; x < s.kernel; ++x)
      for (int64_t c = 0; c < s.in_channels; ++c)
        *out++ = {static_cast<int32_t>(c * apart + (y * p.line() + x * p.pixel()) * s.dilation)};
}

// Residual sum and activation of rows of y whose sums are there.
template <zt_conv_activation kActivation>
void finish(const zt_conv_output& output, const TallRows& rows, int64_t row, int64_t count, int64_t begin,
            int64_t end) {
  for (int64_t r = row; r < row + count; ++r)
    for (int64_t column = begin; column < end; column += kWidth) {
      float* const to = rows.c[r] + column;
      VF sum = load_first(to, end - column);
      if (output.residual != nullptr) sum += load_first(output.residual + (to - output.y), end - column);
      store_first(to, activate<kActivation>(sum), end - column);
    }
}

}  // namespace

size_t conv2d_packed(const zt_conv2d_shape& s) { return weights_of(s).size(); }

void conv2d_pack(const zt_conv2d_shape& s, const float* weight, float* packed, int threads) {
#pragma omp parallel num_threads(threads)
  pack(s, weight, packed);
}

size_t conv2d_forward_workspace(const zt_conv2d_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void conv2d_forward(const zt_conv2d_shape& s, const zt_conv_output& output, const float* x, const float* weight,
                    const float* bias, const float* packed, float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
  const TallWeights weights = weights_of(s);
  const Patches p = patches_of(s);
  const Shares shares(p, threads);
  const int64_t out = s.out_channels, parts = shares.parts(weights.panels(), threads);
  for (int64_t c = 0; c < weights.panels() * kPanel; ++c) w.bias[c] = c < out ? bias[c] : 0;
  const bool by_places = takes_places(s, p);
  if (by_places)
    places_of(s, p, w.places);
  else
    runs_of(s, p, w.runs);
  const bool relu_alone = output.activation == zt_relu && output.residual == nullptr;
  const bool is_alone = output.activation == zt_linear_activation && output.residual == nullptr;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    const int64_t thread = omp_get_thread_num();
    float* const copy = w.copies + thread * w.copied;
    const float** const a = w.a + thread * w.patches;
    float** const c = w.c + thread * w.patches;
    if (packed == nullptr) pack(s, weight, w.weights);
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < shares.count() * parts; ++task) {
      const Share share = shares.at(task / parts);
      const int64_t part = task % parts, panels = weights.panels();
      if (p.are_copied()) copy_share(p, share, x, nullptr, copy);
      float* y = output.y + (share.frame * p.rows + share.row) * p.columns * out;
      int64_t m = 0;
      for_patches(p, share, x, copy, [&](const float* at, int64_t, int64_t, int64_t) {
        a[m] = at, c[m] = y;
        ++m, y += out;
      });
      const TallRows rows = {m, a, c, panels * part / parts, panels * (part + 1) / parts};
      const auto multiply = [&](const auto* where) {
        multiply_tall(weights, packed != nullptr ? packed : w.weights, w.bias, relu_alone, where, rows,
                      w.scratch + thread * w.own, [&](int64_t row, int64_t count, int64_t column, int64_t end) {
                        if (relu_alone || is_alone) return;
                        with_activation(output.activation, [&](auto constant) {
                          finish<decltype(constant)::value>(output, rows, row, count, column, end);
                        });
                      });
      };
      by_places ? multiply(w.places) : multiply(w.runs);
    }
  }
}

}  // namespace zt::ZT_ISA
