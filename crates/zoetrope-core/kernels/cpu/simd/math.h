// Functions of a vector: sigmoid and tanh are at most 3 units in the last place from the exact values, NaN for NaN.
#pragma once

#include "../simd/simd.h"

namespace zt::ZT_ISA {

// e^x for x clamped to where it is a normal number. x = n ln 2 + r, |r| <= ln 2 / 2; e^r by Cephes' polynomial.
ZT_INLINE VF exponential(VF x) {
  x = max(broadcast(-87.3f), min(broadcast(88.3f), x));  //  in this order of arguments a NaN stays
  const VF shift = broadcast(12582912.0f);               //  1.5 * 2^23: adding it rounds to the nearest integer
  const VF shifted = fma(x, broadcast(1.44269504088896341f), shift);
  const VF n = shifted - shift;
  VF r = fma(n, broadcast(-0.693359375f), x);
  r = fma(n, broadcast(2.12194440e-4f), r);
  VF p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = fma(p * r, r, r) + broadcast(1.0f);
  const VI exponent = (as_int(shifted) - as_int(shift)) << 23;  //  n in the low bits of the shifted sum
  return as_float(as_int(p) + exponent);
}

ZT_INLINE VF sigmoid(VF x) {
  const VF y = broadcast(1.0f) / (broadcast(1.0f) + exponential(-x));
  return select(is_nan(x), x, y);
}

// Near zero an odd polynomial (Cephes), so that the relative error stays small; else 1 - 2 / (e^2|x| + 1).
ZT_INLINE VF hyperbolic_tangent(VF x) {
  const VI sign = as_int(x) & broadcast(INT32_MIN);
  const VF magnitude = as_float(as_int(x) ^ sign);
  const VF far = broadcast(1.0f) - broadcast(2.0f) / (exponential(magnitude + magnitude) + broadcast(1.0f));
  const VF z = x * x;
  VF p = broadcast(-5.70498872745e-3f);
  p = fma(p, z, broadcast(2.06390887954e-2f));
  p = fma(p, z, broadcast(-5.37397155531e-2f));
  p = fma(p, z, broadcast(1.33314422036e-1f));
  p = fma(p, z, broadcast(-3.33332819422e-1f));
  const VF near = fma(p * z, x, x);
  const VF y = select(magnitude < broadcast(0.625f), near, as_float(as_int(far) | sign));
  return select(is_nan(x), x, y);
}

// 1 - Φ(|x|), where Φ is the normal distribution function, by erfc (Abramowitz & Stegun 7.1.26), and e^(-x²/2).
ZT_INLINE VF normal_tail(VF x, VF& bell) {
  const VF z = as_float(as_int(x) & broadcast(INT32_MAX)) * broadcast(0.70710678118654752f);  //  |x| / √2
  const VF t = broadcast(1.0f) / fma(z, broadcast(0.3275911f), broadcast(1.0f));
  VF p = broadcast(1.061405429f);
  p = fma(p, t, broadcast(-1.453152027f));
  p = fma(p, t, broadcast(1.421413741f));
  p = fma(p, t, broadcast(-0.284496736f));
  p = fma(p, t, broadcast(0.254829592f));
  bell = exponential(-z * z);
  return broadcast(0.5f) * p * t * bell;
}

// x Φ(x): at most 4e-7 from the exact value.
ZT_INLINE VF gelu(VF x) {
  VF bell;
  const VF tail = normal_tail(x, bell);
  const VF y = x * select(x < zero(), tail, broadcast(1.0f) - tail);
  return select(is_nan(x), x, y);
}

// Φ(x) + x φ(x), where φ is the normal density.
ZT_INLINE VF gelu_derivative(VF x) {
  VF bell;
  const VF tail = normal_tail(x, bell);
  const VF share = select(x < zero(), tail, broadcast(1.0f) - tail);
  const VF y = fma(x * bell, broadcast(0.39894228040143268f), share);
  return select(is_nan(x), x, y);
}

}  // namespace zt::ZT_ISA
