// Transposes between a block's output [frames, positions, channels] and channel-major features
// [frames, channels, positions]. Blocks of 16 x 16 keep both sides in L1. Cost: each float read and written once.
#include <omp.h>

#include "conv.h"
#include "simd.h"

namespace zt::ZT_ISA {

// out [frames][cols][rows] = in [frames][rows][cols], transposed frame by frame.
void transpose(const float* in, float* out, int64_t frames, int64_t rows, int64_t cols, int threads) {
  constexpr int64_t kBlock = 16;
  const int64_t blocks = ceil_div(rows, kBlock);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t item = 0; item < frames * blocks; ++item) {
    const float* const from = in + item / blocks * rows * cols;
    float* const to = out + item / blocks * rows * cols;
    const int64_t r0 = item % blocks * kBlock, r1 = smaller(rows, r0 + kBlock);
    for (int64_t c0 = 0; c0 < cols; c0 += kBlock) {
      const int64_t c1 = smaller(cols, c0 + kBlock);
      for (int64_t c = c0; c < c1; ++c)
        for (int64_t r = r0; r < r1; ++r) to[c * rows + r] = from[r * cols + c];
    }
  }
}

}  // namespace zt::ZT_ISA
