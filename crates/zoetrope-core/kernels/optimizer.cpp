// PyTorch's fused optimizers, which tch does not bind: one pass over parameters, gradients and state, on CPU and CUDA.
//
// `found_inf` is a float tensor of one element: where it is 1 the call changes nothing, so that a step whose loss is
// not finite is skipped without the host waiting for the device.

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>
#include <c10/core/GradMode.h>

#include <vector>

#include "abi.h"

namespace {
std::vector<at::Tensor> list(const at::Tensor* const* tensors, size_t count) {
  std::vector<at::Tensor> out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(*tensors[i]);
  return out;
}
}  // namespace

extern "C" {

// Adam (Kingma & Ba 2014) with L2 weight decay, as torch.optim.Adam. `step` counts this update already.
zt_message zt_fused_adam(const at::Tensor* const* parameters, const at::Tensor* const* gradients,
                         const at::Tensor* const* exp_avgs, const at::Tensor* const* exp_avg_sqs, size_t count,
                         const at::Tensor* step, double learning_rate, double beta1, double beta2, double weight_decay,
                         double eps, const at::Tensor* found_inf) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> steps(count, *step);
    at::_fused_adam_(list(parameters, count), list(gradients, count), list(exp_avgs, count), list(exp_avg_sqs, count),
                     {}, steps, learning_rate, beta1, beta2, weight_decay, eps, /*amsgrad=*/false, /*maximize=*/false,
                     /*grad_scale=*/std::nullopt, *found_inf);
  });
}

// SGD with momentum and Nesterov, as torch.optim.SGD with dampening 0. Buffers start at zero, which for dampening 0
// equals PyTorch's "the first buffer is the first gradient".
zt_message zt_fused_sgd(const at::Tensor* const* parameters, const at::Tensor* const* gradients,
                        const at::Tensor* const* momentum_buffers, size_t count, double learning_rate,
                        double weight_decay, double momentum, bool nesterov, const at::Tensor* found_inf) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    const size_t buffers = momentum == 0.0 ? 0 : count;  // libtorch refuses buffers that it would not use
    at::_fused_sgd_(list(parameters, count), list(gradients, count), list(momentum_buffers, buffers), weight_decay,
                    momentum, learning_rate, /*dampening=*/0.0, nesterov, /*maximize=*/false, /*is_first_step=*/false,
                    /*grad_scale=*/std::nullopt, *found_inf);
  });
}
}
