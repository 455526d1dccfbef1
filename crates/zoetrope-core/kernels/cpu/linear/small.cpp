// y = x · Wᵀ + b, by one dot product for each output. Both operands lie in L1. In libtorch most of the time of such a
// small product goes into the calls around it.
//
// Cost: 2·rows·inputs·outputs FLOPs; 4 bytes for each number, read or written once.
#include "../simd/simd.h"
#include "linear.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kRows = 4;  //  that share a row of weights

void rows_of(const float* x, const float* weight, const float* bias, float* y, int64_t count, int64_t inputs,
             int64_t outputs) {
  for (int64_t o = 0; o < outputs; ++o) {
    VF sums[kRows] = {};
    for (int64_t k = 0; k < inputs; k += kWidth) {
      const VF w = load_first(weight + o * inputs + k, inputs - k);
      for (int64_t r = 0; r < kRows; ++r)
        sums[r] = fma(load_first(x + smaller(r, count - 1) * inputs + k, inputs - k), w, sums[r]);
    }
    for (int64_t r = 0; r < count; ++r) y[r * outputs + o] = sum(sums[r]) + bias[o];
  }
}

}  // namespace

void linear_small(const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
                  int64_t outputs) {
  const FlushDenormals flush;
  for (int64_t row = 0; row < rows; row += kRows)
    rows_of(x + row * inputs, weight, bias, y + row * outputs, smaller(kRows, rows - row), inputs, outputs);
}

}  // namespace zt::ZT_ISA
