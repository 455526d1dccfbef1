// Updates of a model's parameters. The engine's kernel does them on the CPU in float32. libtorch's own operations are
// the reference, and CUDA takes them too. tch binds neither.
//
// `found_inf` is a float tensor of one element. When it is 1, the update changes nothing. A step whose loss or gradient
// is not finite is so skipped, and the host need not wait for the device. The caller of the engine's update knows
// beforehand whether a step is finite.

#include "../cpu/optimizer/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <vector>

#include "../abi.h"

using at::Tensor;
using Tensors = std::vector<Tensor>;

// A parameter, its gradient and its state. A state that the rule does not have is null (see cpu/optimizer/optimizer.h).
// All tensors are dense and have one layout.
struct zt_parameter_tensors {
  const Tensor *value, *gradient, *step, *first, *second, *third, *average;
};

namespace {

Tensors list(const Tensor* const* tensors, size_t count) {
  Tensors out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(*tensors[i]);
  return out;
}

Tensors column(const zt_parameter_tensors* rows, size_t count, const Tensor* zt_parameter_tensors::* member) {
  Tensors out;
  for (size_t i = 0; i < count; ++i)
    if (rows[i].*member != nullptr) out.push_back(*(rows[i].*member));
  return out;
}

float* floats(const Tensor* tensor, int64_t count) {
  if (tensor == nullptr) return nullptr;
  TORCH_CHECK(tensor->scalar_type() == at::kFloat && tensor->is_contiguous() && tensor->numel() == count,
              "expected a contiguous float32 tensor of ", count, " values");
  return tensor->data_ptr<float>();
}

// RMSprop, for which libtorch has no fused operation. New values are made beside the old ones, and `found_inf` chooses.
void rmsprop(const zt_parameter_tensors& p, const zt_rule& r, const Tensor& found_inf) {
  const Tensor keep = found_inf.gt(0);
  // A number beyond float32 becomes infinite, as in the kernel; libtorch would refuse it halfway.
  const bool is_float = p.value->scalar_type() == at::kFloat;
  const auto held = [&](double number) { return is_float ? double(float(number)) : number; };
  const auto put = [&](const Tensor& target, const Tensor& value) { target.copy_(at::where(keep, target, value)); };
  const Tensor g = r.weight_decay == 0 ? *p.gradient : p.gradient->add(*p.value, held(r.weight_decay));
  const Tensor square = p.second->mul(r.beta2).addcmul_(g, g, 1 - r.beta2);
  Tensor average = square;
  if (r.centered) {
    const Tensor mean = p.third->lerp(g, 1 - r.beta2);
    average = square.addcmul(mean, mean, -1).clamp_min_(0);
    put(*p.third, mean);
  }
  put(*p.second, square);
  Tensor direction = g.div(average.sqrt().add_(held(r.eps)));
  if (r.momentum != 0) {
    direction = p.first->mul(held(r.momentum)).add_(direction);
    put(*p.first, direction);
  }
  put(*p.value, p.value->add(direction, -held(r.learning_rate)));
}

}  // namespace

extern "C" {

// The engine's update. `step` of each parameter is counted up; `clip` is infinity for none; `decay` belongs to
// averages.
zt_message zt_engine_update(const zt_parameter_tensors* parameters, const zt_rule* const* rules, size_t count,
                            double scale, double clip, double decay) {
  return zt_guard([&] {
    std::vector<zt_parameter> plain(count);
    for (size_t i = 0; i < count; ++i) {
      const zt_parameter_tensors& p = parameters[i];
      const int64_t n = p.value->numel();
      float* const step = floats(p.step, 1);
      plain[i] = {floats(p.value, n),
                  floats(p.gradient, n),
                  floats(p.first, n),
                  floats(p.second, n),
                  floats(p.third, n),
                  floats(p.average, n),
                  n,
                  *step + 1.0,
                  decay,
                  rules[i]};
    }
    zt_cpu_update(plain.data(), count, scale, clip, at::get_num_threads());
    for (size_t i = 0; i < count; ++i) {
      *parameters[i].step->data_ptr<float>() += 1;
      parameters[i].value->unsafeGetTensorImpl()->bump_version();  //  packed weights are then packed again
    }
  });
}

zt_message zt_engine_gradient_norm(const Tensor* const* gradients, size_t count, double* norm) {
  return zt_guard([&] {
    std::vector<zt_parameter> plain(count);
    for (size_t i = 0; i < count; ++i) {
      plain[i].count = gradients[i]->numel();
      plain[i].gradient = floats(gradients[i], plain[i].count);
    }
    *norm = zt_cpu_gradient_norm(plain.data(), count, at::get_num_threads());
  });
}

// libtorch's update of parameters that share a rule. SGD's buffers start at zero, which for dampening 0 equals
// PyTorch's "the first buffer is the first gradient".
zt_message zt_reference_update(const zt_parameter_tensors* parameters, size_t count, const zt_rule* rule, double decay,
                               const Tensor* found_inf) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    using P = zt_parameter_tensors;
    const zt_rule& r = *rule;
    const Tensors values = column(parameters, count, &P::value), gradients = column(parameters, count, &P::gradient);
    const Tensors steps = column(parameters, count, &P::step), first = column(parameters, count, &P::first);
    const Tensors second = column(parameters, count, &P::second), averages = column(parameters, count, &P::average);
    const Tensor taken = found_inf->neg().add_(1);
    at::_foreach_add_(steps, taken);
    switch (r.kind) {
      case zt_rule_sgd:
        at::_fused_sgd_(values, gradients, first, r.weight_decay, r.momentum, r.learning_rate, /*dampening=*/0.0,
                        r.nesterov, /*maximize=*/false, /*is_first_step=*/false, /*grad_scale=*/std::nullopt,
                        *found_inf);
        break;
      case zt_rule_adam:
        at::_fused_adam_(values, gradients, first, second, {}, steps, r.learning_rate, r.beta1, r.beta2, r.weight_decay,
                         r.eps, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/std::nullopt, *found_inf);
        break;
      case zt_rule_adamw:
        at::_fused_adamw_(values, gradients, first, second, {}, steps, r.learning_rate, r.beta1, r.beta2,
                          r.weight_decay, r.eps, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/std::nullopt,
                          *found_inf);
        break;
      default:
        for (size_t i = 0; i < count; ++i) rmsprop(parameters[i], r, *found_inf);
    }
    if (averages.empty()) return;
    Tensors moves = at::_foreach_sub(values, averages);
    at::_foreach_mul_(moves, taken.mul_(1 - decay).to(averages[0].scalar_type()));
    at::_foreach_add_(averages, moves);
  });
}

// The norm of all gradients as one vector, of `[]` on their device: torch.nn.utils.get_total_norm.
zt_message zt_reference_gradient_norm(const Tensor* const* gradients, size_t count, Tensor** norm) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    const Tensors norms = at::_foreach_norm(list(gradients, count), 2);
    *norm = new Tensor(at::linalg_vector_norm(at::stack(norms), 2));
  });
}

// gradients = clamp(scale * factor * gradients, -clip, clip) in place; `factor` is null or of `[]`.
zt_message zt_reference_scale(const Tensor* const* gradients, size_t count, double scale, const Tensor* factor,
                              double clip) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    const Tensors all = list(gradients, count);
    if (scale != 1) at::_foreach_mul_(all, scale);
    if (factor != nullptr) at::_foreach_mul_(all, *factor);
    if (!std::isinf(clip)) {
      at::_foreach_clamp_min_(all, -clip);
      at::_foreach_clamp_max_(all, clip);
    }
  });
}

// sums += alpha * gradients, in place.
zt_message zt_accumulate(const Tensor* const* sums, const Tensor* const* gradients, size_t count, double alpha) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    at::_foreach_add_(list(sums, count), list(gradients, count), alpha);
  });
}

// FNV-1a of each tensor's identity and version: another number after any change in place, or of other tensors.
zt_message zt_versions(const Tensor* const* tensors, size_t count, uint64_t* mark) {
  return zt_guard([&] {
    uint64_t hash = 0xcbf29ce484222325;
    const auto mix = [&](uint64_t number) { hash = (hash ^ number) * 0x100000001b3; };
    for (size_t i = 0; i < count; ++i) {
      mix(reinterpret_cast<uintptr_t>(tensors[i]->unsafeGetTensorImpl()));
      mix(tensors[i]->unsafeGetTensorImpl()->version_counter().current_version());
    }
    *mark = hash;
  });
}
}
