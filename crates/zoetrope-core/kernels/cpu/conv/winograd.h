// The transforms of Winograd's F(4x4, 3x3). The algorithm computes 4x4 outputs of a 3x3 correlation from 6x6 inputs.
// For each channel pair it needs 36 multiplications instead of 144 (Lavin & Gray 2015, points 0, ±1, ±2, ∞).
//
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//
// Each function is one dimension of one transform, on vectors over channels or over anything else.
#pragma once

#include "../simd/simd.h"

namespace zt::ZT_ISA {

// Bᵀ: six inputs, `stride` apart, in place order to out.
template <typename V>
ZT_INLINE void winograd_input(const V* d, int stride, V* out, int out_stride) {
  const V d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride], d4 = d[4 * stride], d5 = d[5 * stride];
  const V even = d4 - 4.f * d2, odd = d3 - 4.f * d1, near = d4 - d2, far = d3 - d1;
  out[0] = 4.f * d0 + (d4 - 5.f * d2);
  out[out_stride] = even + odd;
  out[2 * out_stride] = even - odd;
  out[3 * out_stride] = near + 2.f * far;
  out[4 * out_stride] = near - 2.f * far;
  out[5 * out_stride] = 4.f * d1 + (d5 - 5.f * d3);
}

// Aᵀ: six products to four outputs.
ZT_INLINE void winograd_output(const VF* m, int stride, VF* out, int out_stride) {
  const VF m0 = m[0], m1 = m[stride], m2 = m[2 * stride], m3 = m[3 * stride], m4 = m[4 * stride], m5 = m[5 * stride];
  const VF sum1 = m1 + m2, difference1 = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
  out[0] = m0 + sum1 + sum2;
  out[out_stride] = difference1 + 2.f * difference2;
  out[2 * out_stride] = sum1 + 4.f * sum2;
  out[3 * out_stride] = difference1 + 8.f * difference2 + m5;
}

// G: three weights to six.
ZT_INLINE void winograd_weight(const VF* g, int stride, VF* out, int out_stride) {
  const VF g0 = g[0], g1 = g[stride], g2 = g[2 * stride];
  out[0] = g0 / 4;
  out[out_stride] = -(g0 + g1 + g2) / 6;
  out[2 * out_stride] = -(g0 - g1 + g2) / 6;
  out[3 * out_stride] = (g0 + 2 * g1 + 4 * g2) / 24;
  out[4 * out_stride] = (g0 - 2 * g1 + 4 * g2) / 24;
  out[5 * out_stride] = g2;
}

}  // namespace zt::ZT_ISA
