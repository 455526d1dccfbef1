// The convolution over time, one tall product (over_time.h).
//
// Cost: 2·rows·taps·in_channels·out_channels FLOPs.
#include "over_time.h"

namespace zt::ZT_ISA {
namespace {

struct Workspace {
  OverTime product;
  int64_t size;

  Workspace(const zt_conv1d_shape& s, int threads, float* at) : Workspace(s, threads, Cutter(at)) {}

 private:
  Workspace(const zt_conv1d_shape& s, int threads, Cutter cut)
      : product(s, s.in_channels, s.out_channels, threads, cut), size(cut.size()) {}
};

}  // namespace

size_t conv1d_forward_workspace(const zt_conv1d_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void conv1d_forward(const zt_conv1d_shape& s, const float* x, const float* weight, const float* bias, float* y,
                    float* workspace, int threads) {
  const OverTime product = Workspace(s, threads, workspace).product;
  product.begin(bias);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    product.pack({weight, 1, s.taps, s.in_channels * s.taps});
    product.multiply(x, s.relu, y);
  }
}

}  // namespace zt::ZT_ISA
