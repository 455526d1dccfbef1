// The convolution over time: as many products as there are taps, of rows that lie so many steps apart, into the same
// sums. Nothing is copied but the weights.
//
// Cost: 2·rows·taps·in_channels·out_channels FLOPs; x is read once for each block of output channels and tap, from L1.
#include <omp.h>

#include "../simd/transpose.h"
#include "steps.h"

namespace zt::ZT_ISA {
namespace {

struct Workspace {
  float *weights, *bias, *zeros, *panels;
  Steps steps;
  int64_t size;

  Workspace(const zt_conv1d_shape& s, int threads, float* at) : Workspace(s, threads, Cutter(at)) {}

 private:
  Workspace(const zt_conv1d_shape& s, int threads, Cutter cut)
      : weights(cut.take(s.taps * s.in_channels * s.out_channels)),
        bias(cut.take(round_up(s.out_channels, kPanel))),
        zeros(cut.take(s.in_channels)),
        panels(cut.take(threads * kProductWorkspace)),
        steps(s, cut),
        size(cut.size()) {}
};

}  // namespace

size_t conv1d_forward_workspace(const zt_conv1d_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void conv1d_forward(const zt_conv1d_shape& s, const float* x, const float* weight, const float* bias, float* y,
                    float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
  const int64_t in = s.in_channels, out = s.out_channels;
  for (int64_t c = 0; c < in; ++c) w.zeros[c] = 0;
  for (int64_t c = 0; c < round_up(out, kPanel); ++c) w.bias[c] = c < out ? bias[c] : 0;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    w.steps.fill(s);
    const int64_t depth = in * s.taps;
#pragma omp for schedule(static)
    for (int64_t k = 0; k < depth; k += kPanel)  //  [in][tap][out]
      transpose_floats(weight + k, depth, out, smaller(kPanel, depth - k), w.weights + k * out, out);
    const OverTime product = {s, w.steps, x,      w.weights, w.zeros,      out,   s.taps * out, in,
                              1, w.bias,  s.relu, y,         w.steps.rows, depth, out};
    multiply(product, w.panels + omp_get_thread_num() * kProductWorkspace);
  }
}

}  // namespace zt::ZT_ISA
