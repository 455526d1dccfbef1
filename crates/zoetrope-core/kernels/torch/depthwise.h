// The depthwise convolution (cpu/depthwise/depthwise.h) as convolutions of frames and over time call it.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "../cpu/depthwise/depthwise.h"

// Whether a convolution of values with this weight [channels, channels of a group, …kernel], where it is not one of a
// single group, leaves each channel alone. Axis 1 of the values has the channels.
inline bool is_depthwise(const at::Tensor& x, const at::Tensor& weight) { return weight.size(1) == 1 && x.size(1) > 1; }

inline at::Tensor packed_depthwise(const zt_depthwise_shape& s, const at::Tensor& weight) {
  const at::Tensor packed = at::empty({static_cast<int64_t>(zt_depthwise_packed(&s))}, at::kFloat);
  zt_depthwise_pack(&s, weight.const_data_ptr<float>(), packed.mutable_data_ptr<float>());
  return packed;
}

// Gradients of null are not computed.
inline void depthwise_backward(const zt_depthwise_shape& s, const at::Tensor& x, const at::Tensor& weight,
                               const at::Tensor& dy, float* dx, float* dweight, float* dbias) {
  const at::Tensor packed = packed_depthwise(s, weight);
  const at::Tensor workspace = at::empty({static_cast<int64_t>(zt_depthwise_backward_workspace(&s))}, at::kFloat);
  zt_depthwise_backward(&s, x.const_data_ptr<float>(), packed.const_data_ptr<float>(), dy.const_data_ptr<float>(), dx,
                        dweight, dbias, workspace.mutable_data_ptr<float>(), at::get_num_threads());
}
