// The gradients of a linear layer:
//
//   dx = dy · weight      dweight = dyᵀ · x      dbias = Σ dy
//
// Cost: 4·rows·inputs·outputs FLOPs, half without dx.
#include <omp.h>

#include "../simd/product.h"
#include "../simd/transpose.h"
#include "linear.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kSumRows = 256;  //  rows that are summed before their sum is added: a long sum would lose digits

struct Workspace {
  float *transposed, *panels;
  int64_t size;

  Workspace(const zt_linear_shape& s, int threads, float* at) : Workspace(s, threads, Cutter(at)) {}

 private:
  Workspace(const zt_linear_shape& s, int threads, Cutter cut)
      : transposed(cut.take(odd_lines(s.rows) * s.outputs)),
        panels(cut.take(threads * kProductWorkspace)),
        size(cut.size()) {}
};

// dy [rows][outputs] into transposed [outputs][odd_lines(rows)] and its sums; both may be null. All threads come here.
void prepare(const zt_linear_shape& s, const float* dy, float* transposed, float* dbias) {
  const int64_t stride = odd_lines(s.rows);
#pragma omp for schedule(static)
  for (int64_t c = 0; c < s.outputs; c += kWidth) {
    const int64_t count = smaller(kWidth, s.outputs - c);
    VF total = zero();
    for (int64_t first = 0; first < s.rows; first += kSumRows) {
      const int64_t end = smaller(first + kSumRows, s.rows);
      VF sums = zero();
      for (int64_t row = first; row < end; ++row) sums += load_first(dy + row * s.outputs + c, count);
      total += sums;
      if (transposed != nullptr)
        transpose_floats(dy + first * s.outputs + c, s.outputs, end - first, count, transposed + c * stride + first,
                         stride);
    }
    if (dbias != nullptr) store_first(dbias + c, total, count);
  }
}

}  // namespace

size_t linear_backward_workspace(const zt_linear_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void linear_backward(const zt_linear_shape& s, const float* x, const float* weight, const float* dy, float* dx,
                     float* dweight, float* dbias, float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const packed = w.panels + omp_get_thread_num() * kProductWorkspace;
    prepare(s, dy, dweight != nullptr ? w.transposed : nullptr, dbias);
    if (dweight != nullptr) {
      const Product of_weight = {
          s.outputs, s.rows, s.inputs, {w.transposed, odd_lines(s.rows)}, {x, s.inputs}, {dweight, s.inputs}, false};
      multiply(of_weight, packed);
    }
    if (dx != nullptr) {
      const Product of_x = {s.rows, s.outputs, s.inputs, {dy, s.outputs}, {weight, s.inputs}, {dx, s.inputs}, false};
      multiply(of_x, packed);
    }
  }
}

}  // namespace zt::ZT_ISA
