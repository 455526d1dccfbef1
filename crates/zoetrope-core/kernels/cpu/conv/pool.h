// Max-pooling 2x2, bias and ReLU of what a convolution left in registers.
#pragma once

#include "../simd/simd.h"

namespace zt::ZT_ISA {

// y = max(0, max(window) + bias) and which of the four positions (row-major) it came from: the first of equals, 4 where
// ReLU cut all. Bias and ReLU do not change which value is the largest.
//
// The four windows of a Winograd tile are its corners: each window has one position, number `kOuter`, that lies in the
// tile's own corner. A NaN among the tile's inputs that reaches any position of the window reaches that one (rows of Bᵀ
// and Aᵀ in winograd.h: the outer outputs depend on all that the inner ones depend on), so y is NaN where it is: `max`
// gives its second operand where either is NaN.
template <int kOuter>
ZT_INLINE void pool(VF w0, VF w1, VF w2, VF w3, VF bias, VF& y, VI& argmax) {
  const VI right_above = w1 > w0, right_below = w3 > w2;
  const VF above = kOuter == 1 ? max(w0, w1) : max(w1, w0), below = kOuter == 3 ? max(w2, w3) : max(w3, w2);
  const VI is_below = below > above;
  const VI index = select(is_below, select(right_below, broadcast(3), broadcast(2)),
                          select(right_above, broadcast(1), broadcast(0)));
  const VF best = (kOuter < 2 ? max(below, above) : max(above, below)) + bias;
  y = max(zero(), best);
  argmax = select(best <= zero(), broadcast(4), index);
}

}  // namespace zt::ZT_ISA
