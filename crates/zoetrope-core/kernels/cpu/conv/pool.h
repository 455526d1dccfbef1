// Max-pooling 2x2, bias and ReLU of a convolution's outputs, while they are in registers.
#pragma once

#include "../simd/simd.h"

namespace zt::ZT_ISA {

// Computes y = max(0, max(window) + bias), and argmax: which of the window's four pixels (row-major) y came from. Of
// equal pixels argmax is the first. It is 4 when ReLU cut all four. Bias and ReLU do not change which value is the
// largest.
//
// The four windows of a Winograd tile are the tile's corners. Each window has one pixel, number `kOuter`, that lies in
// the tile's own corner. The outer outputs depend on every input on which the inner ones depend (rows of Bᵀ and Aᵀ in
// winograd.h). So a NaN that reaches any pixel of the window reaches that pixel too. `max` gives its second operand
// when either operand is NaN, and so y becomes NaN.
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
