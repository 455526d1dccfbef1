// Functions of a vector, NaN for NaN. Sigmoid is at most 4 units in the last place from the exact value, tanh 6.
#pragma once

#include "../simd/simd.h"

namespace zt::ZT_ISA {

// 1 / x of a finite x. With AVX-512 a division of 16 floats takes as long as 20 to 30 multiplications: an approximation
// of 14 bits and one step of Newton's are within 2 units in the last place.
ZT_INLINE VF reciprocal(VF x) {
#if defined(__AVX512F__)
  const VF r = reinterpret_cast<VF>(_mm512_maskz_rcp14_ps(0xffff, reinterpret_cast<__m512>(x)));
  return fma(r, fma(-x, r, broadcast(1.0f)), r);
#else
  return broadcast(1.0f) / x;
#endif
}

// Calls body(i) for 0 … kCount - 1, one after the other.
template <int kCount, typename Body>
ZT_INLINE void each(const Body& body) {
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) body(i);
}

// e^x of kCount vectors, each clamped to where that is a normal number. x = n ln 2 + r, |r| <= ln 2 / 2; e^r by Cephes'
// polynomial. An operation waits for the one before: so each is that of all vectors.
template <int kCount>
ZT_INLINE void exponentials(VF (&x)[kCount]) {
  // 1.5 * 2^23: adding it rounds to the nearest integer. 127 more, and the lowest bits are the exponent's of 2^n.
  const VF shift = broadcast(12582912.0f + 127.0f);
  VF shifted[kCount], p[kCount];
  const auto next = [&](float coefficient) {
    each<kCount>([&](int i) { p[i] = fma(p[i], x[i], broadcast(coefficient)); });
  };
  each<kCount>([&](int i) { x[i] = min(broadcast(88.3f), x[i]); });  //  in this order of arguments a NaN stays
  each<kCount>([&](int i) { x[i] = max(broadcast(-87.3f), x[i]); });
  each<kCount>([&](int i) { shifted[i] = fma(x[i], broadcast(1.44269504088896341f), shift); });
  each<kCount>([&](int i) { p[i] = shifted[i] - shift; });
  each<kCount>([&](int i) { x[i] = fma(p[i], broadcast(-0.693359375f), x[i]); });
  each<kCount>([&](int i) { x[i] = fma(p[i], broadcast(2.12194440e-4f), x[i]); });
  each<kCount>([&](int i) { p[i] = broadcast(1.9875691500e-4f); });
  next(1.3981999507e-3f);
  next(8.3334519073e-3f);
  next(4.1665795894e-2f);
  next(1.6666665459e-1f);
  next(5.0000001201e-1f);
  each<kCount>([&](int i) { p[i] = p[i] * x[i]; });
  each<kCount>([&](int i) { p[i] = fma(p[i], x[i], x[i]) + broadcast(1.0f); });
  each<kCount>([&](int i) { x[i] = p[i] * as_float(as_int(shifted[i]) << 23); });
}

ZT_INLINE VF exponential(VF x) {
  VF values[] = {x};
  exponentials(values);
  return values[0];
}

template <int kCount>
ZT_INLINE void sigmoids(VF (&x)[kCount]) {
  each<kCount>([&](int i) { x[i] = -x[i]; });
  exponentials(x);
  each<kCount>([&](int i) { x[i] = reciprocal(broadcast(1.0f) + x[i]); });
}

ZT_INLINE VF sigmoid(VF x) {
  VF values[] = {x};
  sigmoids(values);
  return values[0];
}

// An odd polynomial over an even one, with the coefficients of Eigen's tanh of floats. From 9.3 on the quotient is more
// than 1.
ZT_INLINE VF hyperbolic_tangent(VF x) {
  x = max(broadcast(-10.0f), min(broadcast(10.0f), x));  //  in this order of arguments a NaN stays
  const VF z = x * x;
  VF p = broadcast(-2.76076847742355e-16f);
  p = fma(p, z, broadcast(2.00018790482477e-13f));
  p = fma(p, z, broadcast(-8.60467152213735e-11f));
  p = fma(p, z, broadcast(5.12229709037114e-08f));
  p = fma(p, z, broadcast(1.48572235717979e-05f));
  p = fma(p, z, broadcast(6.37261928875436e-04f));
  p = fma(p, z, broadcast(4.89352455891786e-03f));
  VF q = broadcast(1.19825839466702e-06f);
  q = fma(q, z, broadcast(1.18534705686654e-04f));
  q = fma(q, z, broadcast(2.26843463243900e-03f));
  q = fma(q, z, broadcast(4.89352518554385e-03f));
  return max(broadcast(-1.0f), min(broadcast(1.0f), x * p * reciprocal(q)));
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
