// What follows a convolution (cpu/finish/finish.h) on tensors, with its gradients.

#include "../cpu/finish/finish.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <optional>

#include "../abi.h"
#include "frames.h"

namespace {
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

const float* data(const Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr; }
float* changed(Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

std::optional<Tensor> optional(const Tensor& tensor) {  //  apply takes no undefined tensor
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

// Frames in channels-last memory; rows of [frames, channels] as they are.
Tensor in_order(const Tensor& x) { return x.dim() == 4 ? in_channels_last(x) : x.contiguous(); }

// Values of [frames, channels] are frames of one pixel.
zt_finish_shape shape_of(const Tensor& x, zt_conv_activation activation, zt_conv_pool pool) {
  const bool is_frames = x.dim() == 4;
  return {x.size(0), is_frames ? x.size(2) : 1, is_frames ? x.size(3) : 1, x.size(1), activation, pool};
}

Tensor new_output(const zt_finish_shape& s, int64_t axes) {
  if (axes == 2) return at::empty({s.frames, s.channels}, at::kFloat);
  const int64_t side = s.pool == zt_no_pool ? 1 : 2;
  return at::empty({s.frames, s.height / side, s.width / side, s.channels}, at::kFloat).permute({0, 3, 1, 2});
}

// A norm's statistics and what follows from them, each [channels].
struct Normed {
  Tensor scale, shift, mean, inverse;
  bool is_of_batch = false;

  zt_finish_norm raw() const {
    return {data(scale), data(shift), is_of_batch ? data(mean) : nullptr, is_of_batch ? data(inverse) : nullptr};
  }
};

// By the batch's statistics, which enter the running ones with this momentum, or by the running ones. The variance of a
// sample is unbiased where it is kept, as in PyTorch.
Normed norm_of(const zt_finish_shape& s, const Tensor& x, const Tensor* const* norm, double eps, bool is_of_batch,
               double momentum) {
  const Tensor &weight = *norm[0], &bias = *norm[1];
  Tensor running_mean = *norm[2], running_var = *norm[3];
  Normed made = {at::empty({s.channels}, at::kFloat), at::empty({s.channels}, at::kFloat), running_mean,
                 at::empty({s.channels}, at::kFloat), is_of_batch};
  Tensor variance = running_var;
  if (is_of_batch) {
    const int threads = at::get_num_threads();
    const Tensor workspace = at::empty({static_cast<int64_t>(zt_finish_statistics_workspace(&s, threads))}, at::kFloat);
    made.mean = at::empty({s.channels}, at::kFloat), variance = at::empty({s.channels}, at::kFloat);
    zt_finish_statistics(&s, data(x), changed(made.mean), changed(variance), workspace.data_ptr<float>(), threads);
    const double pixels = static_cast<double>(s.frames * s.height * s.width);
    const float kept = static_cast<float>(1 - momentum), share = static_cast<float>(momentum);
    float *const mean = running_mean.mutable_data_ptr<float>(), *const var = running_var.mutable_data_ptr<float>();
    for (int64_t c = 0; c < s.channels; ++c) {
      const double unbiased = data(variance)[c] * pixels / (pixels - 1);
      mean[c] = kept * mean[c] + share * data(made.mean)[c];
      var[c] = kept * var[c] + share * static_cast<float>(unbiased);
    }
  }
  float *const scale = changed(made.scale), *const shift = changed(made.shift), *const inverse = changed(made.inverse);
  for (int64_t c = 0; c < s.channels; ++c) {
    inverse[c] = static_cast<float>(1 / std::sqrt(data(variance)[c] + eps));
    scale[c] = data(weight)[c] * inverse[c];
    shift[c] = data(bias)[c] - data(made.mean)[c] * scale[c];
  }
  return made;
}

Tensor run_forward(const zt_finish_shape& s, const Normed* normed, const Tensor& x, const Tensor& residual) {
  const zt_finish_norm norm = normed != nullptr ? normed->raw() : zt_finish_norm{};
  Tensor y = new_output(s, x.dim());
  zt_finish_forward(&s, normed != nullptr ? &norm : nullptr, data(x), data(residual), changed(y),
                    at::get_num_threads());
  return y;
}

struct Finish : Function<Finish> {
  // Weight and bias are the norm's, and only here for their gradients.
  static Tensor forward(AutogradContext* context, const Tensor& x, const std::optional<Tensor>&,
                        const std::optional<Tensor>&, const std::optional<Tensor>& residual, const Normed* normed,
                        int64_t activation, int64_t pool) {
    const Tensor sum = residual.value_or(Tensor());
    const zt_finish_shape s = shape_of(x, static_cast<zt_conv_activation>(activation), static_cast<zt_conv_pool>(pool));
    const Normed norm = normed != nullptr ? *normed : Normed{};
    context->save_for_backward({x, sum, norm.scale, norm.shift, norm.mean, norm.inverse});
    context->saved_data["of_batch"] = norm.is_of_batch;
    context->saved_data["activation"] = activation;
    context->saved_data["pool"] = pool;
    return run_forward(s, normed, x, sum);
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "what follows a convolution has no second derivative");
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &residual = saved[1];
    const Normed normed = {saved[2], saved[3], saved[4], saved[5], context->saved_data["of_batch"].toBool()};
    const zt_finish_norm norm = normed.raw();
    const bool has_norm = normed.scale.defined();
    const zt_finish_shape s = shape_of(x, static_cast<zt_conv_activation>(context->saved_data["activation"].toInt()),
                                       static_cast<zt_conv_pool>(context->saved_data["pool"].toInt()));
    const Tensor dy = in_order(given[0]);
    Tensor dx, dresidual, dweight, dbias;
    //  Of the inputs that there are: x, weight, bias, residual.
    const bool sum_needs = residual.defined() && context->needs_input_grad(has_norm ? 3 : 1);
    if (context->needs_input_grad(0) || (sum_needs && !has_norm)) dx = at::empty_like(x);
    if (sum_needs && has_norm) dresidual = at::empty_like(x);
    if (normed.is_of_batch) dweight = at::empty({s.channels}, at::kFloat), dbias = at::empty({s.channels}, at::kFloat);
    const zt_finish_gradients gradients = {changed(dx), changed(dresidual), changed(dweight), changed(dbias)};
    const int threads = at::get_num_threads();
    const Tensor workspace = at::empty({static_cast<int64_t>(zt_finish_backward_workspace(&s, threads))}, at::kFloat);
    zt_finish_backward(&s, has_norm ? &norm : nullptr, data(x), data(residual), data(dy), &gradients,
                       workspace.data_ptr<float>(), threads);
    const Tensor none;
    return {dx, dweight, dbias, sum_needs && !has_norm ? dx : dresidual, none, none, none};
  }
};

}  // namespace

extern "C" {

// Batch norm, residual sum, activation and pooling 2x2 of x [frames, channels, height, width] or [frames, channels],
// float32 on the CPU. `norm` has weight, bias, running mean and running variance; it and `residual` may be null. Where
// `of_batch`, the norm is by x's own statistics, which enter the running ones with this momentum.
zt_message zt_finish(const Tensor* x, const Tensor* const* norm, double eps, bool of_batch, double momentum,
                     const Tensor* residual, int activation, int pool, Tensor** y) {
  return zt_guard([&] {
    const Tensor convolved = in_order(*x), sum = residual != nullptr ? in_order(*residual) : Tensor();
    const zt_finish_shape s =
        shape_of(convolved, static_cast<zt_conv_activation>(activation), static_cast<zt_conv_pool>(pool));
    TORCH_CHECK(!sum.defined() || sum.sizes() == convolved.sizes(), "the residual sum expects values of one shape");
    Normed normed;
    if (norm != nullptr) {
      const at::NoGradGuard no_grad;
      normed = norm_of(s, convolved, norm, eps, of_batch, momentum);
    }
    const Normed* const given = norm != nullptr ? &normed : nullptr;
    const auto trains = [](const Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); };
    const Tensor weight = norm != nullptr ? *norm[0] : Tensor(), bias = norm != nullptr ? *norm[1] : Tensor();
    if (at::GradMode::is_enabled() && (trains(convolved) || trains(sum) || trains(weight) || trains(bias)))
      *y = new Tensor(Finish::apply(convolved, optional(weight), optional(bias), optional(sum), given,
                                    int64_t(activation), int64_t(pool)));
    else
      *y = new Tensor(run_forward(s, given, convolved, sum));
  });
}
}
