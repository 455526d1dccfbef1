// Where the gradient of the weights finds the row that a tap reads.
#pragma once

#include "over_time.h"

namespace zt::ZT_ISA {

// The clip in which each row lies.
struct Steps {
  int64_t rows;
  int32_t *begin, *end;  //  [rows]: the first row of its clip, and that behind the last

  Steps(const zt_conv1d_shape& s, Cutter& cut)
      : rows(rows_of(s)), begin(cut.take_of<int32_t>(rows)), end(cut.take_of<int32_t>(rows)) {}

  // All threads come here.
  void fill(const zt_conv1d_shape& s) const {
#pragma omp for schedule(static)
    for (int64_t clip = 0; clip < s.batch; ++clip) {
      const int64_t first = s.offsets != nullptr ? s.offsets[clip] : clip * s.time;
      const int64_t last = s.offsets != nullptr ? s.offsets[clip + 1] : first + s.time;
      for (int64_t row = first; row < last; ++row)
        begin[row] = static_cast<int32_t>(first), end[row] = static_cast<int32_t>(last);
    }
  }

  // The row of `values` that lies so many steps from `row`, or `zeros` outside of its clip.
  const float* at(const float* values, int64_t width, int64_t row, int64_t distance, const float* zeros) const {
    const int64_t other = row + distance;
    return other >= begin[row] && other < end[row] ? values + other * width : zeros;
  }
};

}  // namespace zt::ZT_ISA
