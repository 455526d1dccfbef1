// Frames [frames, channels, height, width] in channels-last memory, which the kernels read.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "../cpu/conv/conv.h"

// Those of a model's input come in the other order. libtorch's copy between the two is several times slower.
inline at::Tensor in_channels_last(const at::Tensor& x) {
  const bool differentiates = at::GradMode::is_enabled() && x.requires_grad();
  if (differentiates || x.scalar_type() != at::kFloat || x.size(1) == 1 || !x.is_cpu() || !x.is_contiguous() ||
      x.is_contiguous(at::MemoryFormat::ChannelsLast))
    return x.contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor y = at::empty({x.size(0), x.size(2), x.size(3), x.size(1)}, x.options());
  zt_channels_last(x.const_data_ptr<float>(), y.mutable_data_ptr<float>(), x.size(0), x.size(2) * x.size(3), x.size(1),
                   at::get_num_threads());
  return y.permute({0, 3, 1, 2});
}
