// Max-pooling 2x2, bias and ReLU of what a convolution left in registers.
#pragma once

#include "simd.h"

namespace zt::ZT_ISA {

// y = max(0, max(window) + bias) and which of the four positions it came from: the first of equals, 4 where ReLU cut
// all. A NaN in the window makes y NaN. Bias and ReLU do not change which value is the largest.
ZT_INLINE void pool(VF w0, VF w1, VF w2, VF w3, VF bias, VF& y, VI& argmax) {
  const VI upper = w1 > w0, lower = w3 > w2;
  const VF best_upper = select(upper, w1, w0), best_lower = select(lower, w3, w2);
  const VI below = best_lower > best_upper;
  const VI index = select(below, select(lower, broadcast(3), broadcast(2)), select(upper, broadcast(1), broadcast(0)));
  const VI nan = either_is_nan(w0, w1) | either_is_nan(w2, w3);  //  as a float: a NaN, or 0
  const VF best = select(below, best_lower, best_upper) + (bias + as_float(nan));
  const VI cut = best <= zero();
  y = select(cut, zero(), best);
  argmax = select(cut, broadcast(4), index);
}

}  // namespace zt::ZT_ISA
