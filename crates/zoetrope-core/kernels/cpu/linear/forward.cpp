// y = x · Wᵀ + b as one long product. The weights are transposed block by block, as they are packed.
//
// Cost: 2·rows·inputs·outputs FLOPs; x is read once for each block of output columns.
#include <omp.h>

#include "../simd/product.h"
#include "../simd/transpose.h"
#include "linear.h"

namespace zt::ZT_ISA {
namespace {

struct Workspace {
  float *bias, *panels;
  int64_t size;

  Workspace(const zt_linear_shape& s, int threads, float* at) : Workspace(s, threads, Cutter(at)) {}

 private:
  Workspace(const zt_linear_shape& s, int threads, Cutter cut)
      : bias(cut.take(round_up(s.outputs, kPanel))), panels(cut.take(threads * kProductWorkspace)), size(cut.size()) {}
};

// (simd/product.h)
struct OfInputs {
  const float *x, *weight, *bias;  //  bias: whole panels
  float* y;
  int64_t m, depth, columns;
  bool adds = false;

  const float* a(int64_t i, int64_t k) const { return x + i * depth + k; }
  int64_t run(int64_t) const { return depth; }
  float* c(int64_t i) const { return y + i * columns; }
  VF finish(VF sum, int64_t column) const { return sum + load(bias + column); }
};

// b [depth][columns] is the transposed weight.
void pack_block(const OfInputs& p, int64_t k, int64_t depth, int64_t begin, int64_t end, float* packed) {
  for (int64_t column = begin; column < end; column += kPanel) {
    float* const panel = packed + (column - begin) * depth;
    const int64_t exist = smaller(kPanel, p.columns - column);
    transpose_floats(p.weight + column * p.depth + k, p.depth, exist, depth, panel, kPanel);
    for (int64_t i = 0; i < depth && exist < kPanel; ++i)
      for (int64_t c = exist; c < kPanel; ++c) panel[i * kPanel + c] = 0;
  }
}

}  // namespace

size_t linear_forward_workspace(const zt_linear_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void linear_forward(const zt_linear_shape& s, const float* x, const float* weight, const float* bias, float* y,
                    float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
  for (int64_t c = 0; c < round_up(s.outputs, kPanel); ++c) w.bias[c] = c < s.outputs ? bias[c] : 0;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    const OfInputs product = {x, weight, w.bias, y, s.rows, s.inputs, s.outputs};
    multiply(product, w.panels + omp_get_thread_num() * kProductWorkspace);
  }
}

}  // namespace zt::ZT_ISA
