// The gradient of x: each of its pixels is a sum over the taps that read it. Pixels of a line are divided by their
// place in a window of `stride`: those of one place are read by the same taps.
//
// Cost: 2·kernel_height·kernel_width FLOPs for each value of dy.
#include <cmath>

#include "lines.h"

namespace zt::ZT_ISA {

void depthwise_data_gradient(const zt_depthwise_shape& s, const float* packed, const float* dy, float* dx,
                             int threads) {
  const int64_t parts = ceil_div(s.width, s.stride * kOutputs);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.frames * s.height * parts; ++task) {
      const Frame f(s, task / parts / s.height);
      const int64_t row = task / parts % s.height, begin = task % parts * kOutputs;
      for (int64_t place = 0; place < s.stride; ++place) {
        const int64_t end = smaller(begin + kOutputs, ceil_div(f.width - place, s.stride));
        if (begin >= end) continue;
        const Line line = {s.channels,
                           padded_channels(s),
                           packed,
                           s.kernel_width,
                           taps_backward(s, s.kernel_height, s.padding_above, row).within(f.rows, 0),
                           taps_backward(s, s.kernel_width, s.padding_beside, place),
                           dy + f.y * s.channels,
                           f.columns,
                           1,
                           dx + (f.x + row * f.width + place) * s.channels,
                           s.stride,
                           nullptr,
                           -INFINITY,
                           INFINITY};
        outputs(line, begin, end);
      }
    }
  }
}

}  // namespace zt::ZT_ISA
