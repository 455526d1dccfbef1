// Transposes between a block's output [frames, positions, channels] and channel-major features
// [frames, channels, positions]. Parts of 16 rows keep both sides in L1. Cost: each float read and written once.
#include <omp.h>

#include "../simd/transpose.h"
#include "conv.h"

namespace zt::ZT_ISA {

// out [frames][cols][rows] = in [frames][rows][cols], transposed frame by frame.
void transpose(const float* in, float* out, int64_t frames, int64_t rows, int64_t cols, int threads) {
  constexpr int64_t kPart = 16;
  const int64_t parts = ceil_div(rows, kPart);
  if (rows >= 2 && rows <= 4) {  //  the channels of a model's input frames
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t frame = 0; frame < frames; ++frame)
      interleave_channels(in + frame * rows * cols, cols, rows, cols, out + frame * rows * cols);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t item = 0; item < frames * parts; ++item) {
    const int64_t frame = item / parts * rows * cols, row = item % parts * kPart;
    transpose_floats(in + frame + row * cols, cols, smaller(kPart, rows - row), cols, out + frame + row, rows);
  }
}

}  // namespace zt::ZT_ISA
