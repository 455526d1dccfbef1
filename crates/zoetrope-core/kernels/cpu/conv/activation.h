// The activations after a convolution, and their derivatives.
#pragma once

#include "../simd/math.h"
#include "conv.h"

namespace zt::ZT_ISA {

template <zt_conv_activation kActivation>
ZT_INLINE VF activate(VF x) {
  if (kActivation == zt_relu) return max(zero(), x);
  if (kActivation == zt_gelu) return gelu(x);
  if (kActivation == zt_relu6) return min(broadcast(6.f), max(zero(), x));  //  in this order of arguments a NaN stays
  if (kActivation == zt_hardswish) return x * min(broadcast(6.f), max(zero(), x + 3.f)) / 6.f;
  return kActivation == zt_silu ? x * sigmoid(x) : x;
}

// gradient times the derivative at x. ReLU's is zero at 0, ReLU6's at 0 and 6, as in PyTorch.
template <zt_conv_activation kActivation>
ZT_INLINE VF activate_backward(VF x, VF gradient) {
  if (kActivation == zt_relu) return select(x <= zero(), zero(), gradient);
  if (kActivation == zt_gelu) return gradient * gelu_derivative(x);
  if (kActivation == zt_relu6) return select((x <= zero()) | (x >= broadcast(6.f)), zero(), gradient);
  if (kActivation == zt_hardswish) {
    const VF inner = gradient * (x / 3.f + 0.5f);
    return select(x < broadcast(-3.f), zero(), select(x > broadcast(3.f), gradient, inner));
  }
  if (kActivation == zt_silu) {
    const VF share = sigmoid(x);
    return gradient * share * (1.f + x * (1.f - share));
  }
  return gradient;
}

// Calls body(ActivationIs<activation>()): the activation as a constant.
template <zt_conv_activation kActivation>
struct ActivationIs {
  static constexpr zt_conv_activation value = kActivation;
};

template <typename Body>
ZT_INLINE void with_activation(zt_conv_activation activation, const Body& body) {
  switch (activation) {
    case zt_relu:
      return body(ActivationIs<zt_relu>());
    case zt_gelu:
      return body(ActivationIs<zt_gelu>());
    case zt_silu:
      return body(ActivationIs<zt_silu>());
    case zt_relu6:
      return body(ActivationIs<zt_relu6>());
    case zt_hardswish:
      return body(ActivationIs<zt_hardswish>());
    default:
      return body(ActivationIs<zt_linear_activation>());
  }
}

// The largest of four, or NaN where one is.
ZT_INLINE VF largest(VF a, VF b, VF c, VF d) {
  const VF sum = (a + b) + (c + d);
  return select(is_nan(sum), sum, max(max(a, b), max(c, d)));
}

}  // namespace zt::ZT_ISA
