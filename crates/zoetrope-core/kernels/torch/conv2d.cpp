// The convolution of frames, of one group (cpu/conv2d/conv2d.h) or of each channel alone (cpu/depthwise/depthwise.h),
// on tensors, with its hand-derived gradient. Frames are [frames, channels, height, width] in channels-last memory, as
// in conv.cpp.

#include "../cpu/conv2d/conv2d.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/threshold_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../abi.h"
#include "depthwise.h"
#include "folded.h"
#include "frames.h"
#include "packed.h"

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// How the kernel moves over the frames.
struct Steps {
  int64_t stride, padding, dilation;
};

Tensor workspace(size_t floats) { return at::empty({static_cast<int64_t>(floats)}, at::kFloat); }
float* changed(Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

zt_depthwise_shape depthwise_of(const Tensor& x, const Tensor& weight, const Steps& steps) {
  const int64_t kernel = weight.size(2);
  return {x.size(0),     x.size(2),     x.size(3),    x.size(1),      kernel, kernel,
          steps.padding, steps.padding, steps.stride, steps.dilation, nullptr};
}

// Whether the channels of frames lie one after the other, as those of a model's input do.
bool lies_in_planes(const Tensor& x) { return x.is_contiguous() && !x.is_contiguous(at::MemoryFormat::ChannelsLast); }

zt_conv2d_shape shape_of(const Tensor& x, const Tensor& weight, const Steps& steps) {
  return {x.size(0),    x.size(2),     x.size(3),      x.size(1),         weight.size(0), weight.size(2),
          steps.stride, steps.padding, steps.dilation, lies_in_planes(x), false};
}

// What is computed in one pass. The residual may be null.
struct Layer : zt_folded {
  const Tensor* residual;
  zt_conv_activation activation;
};

// When `kept` is null, the weights are not packed.
void run_one_group(const Tensor& x, const Layer& layer, const Steps& steps, zt_packed* kept,
                   const zt_conv_output& output) {
  const zt_conv2d_shape s = shape_of(x, layer.weight, steps);
  const int threads = at::get_num_threads();
  const auto pack = [&](float* packed) {
    const Tensor weight = layer.folded_weight();
    zt_conv2d_pack(&s, weight.const_data_ptr<float>(), packed, threads);
  };
  const float* const packed = kept != nullptr ? kept->of(layer.sources(), {zt_conv2d_packed(&s)}, pack) : nullptr;
  const Tensor weight = packed == nullptr ? layer.folded_weight() : Tensor(), bias = layer.folded_bias();
  const Tensor scratch = workspace(zt_conv2d_forward_workspace(&s, threads));
  zt_conv2d_forward(&s, &output, x.const_data_ptr<float>(),
                    packed == nullptr ? weight.const_data_ptr<float>() : nullptr, bias.const_data_ptr<float>(), packed,
                    scratch.data_ptr<float>(), threads);
}

void run_depthwise(const Tensor& x, const Layer& layer, const Steps& steps, zt_packed* kept,
                   const zt_conv_output& output) {
  const zt_depthwise_shape s = depthwise_of(x, layer.weight, steps);
  const auto pack = [&](float* packed) {
    const Tensor weight = layer.folded_weight();
    zt_depthwise_pack(&s, weight.const_data_ptr<float>(), packed);
  };
  const float* packed = kept != nullptr ? kept->of(layer.sources(), {zt_depthwise_packed(&s)}, pack) : nullptr;
  const Tensor own = packed == nullptr ? packed_depthwise(s, layer.folded_weight()) : Tensor();
  const Tensor bias = layer.folded_bias();
  zt_depthwise_forward(&s, &output, x.const_data_ptr<float>(), packed != nullptr ? packed : own.const_data_ptr<float>(),
                       bias.const_data_ptr<float>(), at::get_num_threads());
}

Tensor run_forward(const Tensor& x, const Layer& layer, const Steps& steps, zt_packed* kept) {
  const auto size_of = [&](int64_t size) {
    return (size + 2 * steps.padding - (layer.weight.size(2) - 1) * steps.dilation - 1) / steps.stride + 1;
  };
  Tensor y = at::empty({x.size(0), size_of(x.size(2)), size_of(x.size(3)), layer.weight.size(0)}, at::kFloat);
  const float* const residual = layer.residual != nullptr ? layer.residual->const_data_ptr<float>() : nullptr;
  const zt_conv_output output = {y.data_ptr<float>(), nullptr, residual, layer.activation, zt_no_pool};
  (is_depthwise(x, layer.weight) ? run_depthwise : run_one_group)(x, layer, steps, kept, output);
  return y.permute({0, 3, 1, 2});
}

Layer layer_of(const Tensor& weight, const Tensor& bias, bool relu) {
  return {{weight, &bias, nullptr}, nullptr, relu ? zt_relu : zt_linear_activation};
}

struct Conv2d : Function<Conv2d> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        int64_t stride, int64_t padding, int64_t dilation, bool relu) {
    Tensor y = run_forward(x, layer_of(weight, bias, relu), {stride, padding, dilation}, nullptr);
    context->save_for_backward({x, weight, relu ? y : Tensor()});
    context->saved_data["steps"] = std::vector<int64_t>{stride, padding, dilation};
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the convolution of frames has no second derivative");
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &y = saved[2];
    const std::vector<int64_t> saved_steps = context->saved_data["steps"].toIntVector();
    const Steps steps = {saved_steps[0], saved_steps[1], saved_steps[2]};
    Tensor dy = in_channels_last(gradients[0]);
    Tensor dx, dweight, dbias;
    if (context->needs_input_grad(0))
      dx = at::empty({x.size(0), x.size(2), x.size(3), x.size(1)}, at::kFloat).permute({0, 3, 1, 2});
    if (context->needs_input_grad(1)) dweight = at::empty_like(weight);
    if (context->needs_input_grad(2)) dbias = at::empty({weight.size(0)}, at::kFloat);
    if (is_depthwise(x, weight)) {
      if (y.defined()) dy = at::threshold_backward(dy, y, 0);
      depthwise_backward(depthwise_of(x, weight, steps), x, weight, dy, changed(dx), changed(dweight), changed(dbias));
    } else {
      zt_conv2d_shape s = shape_of(x, weight, steps);
      s.relu = y.defined();
      const int threads = at::get_num_threads();
      const Tensor scratch = workspace(zt_conv2d_backward_workspace(&s, threads));
      zt_conv2d_backward(&s, x.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                         s.relu ? y.const_data_ptr<float>() : nullptr, dy.const_data_ptr<float>(), changed(dx),
                         changed(dweight), changed(dbias), scratch.data_ptr<float>(), threads);
    }
    const Tensor none;
    return {dx, dweight, dbias, none, none, none, none};  //  the last: stride, padding, dilation, relu
  }
};

void check(const Tensor& x, const Tensor& weight) {
  TORCH_CHECK(x.dim() == 4 && x.is_cpu() && x.scalar_type() == at::kFloat && weight.dim() == 4 &&
                  weight.is_contiguous() && weight.scalar_type() == at::kFloat &&
                  (weight.size(1) == x.size(1) || (is_depthwise(x, weight) && weight.size(0) == x.size(1))) &&
                  weight.size(2) == weight.size(3),
              "the convolution of frames expects float32 frames on the CPU, one group or each channel alone, and a "
              "square kernel");
}

}  // namespace

extern "C" {

// The convolution of frames [frames, channels, height, width], float32 on the CPU, of one group or of each channel
// alone (then the weight is [channels, 1, kernel, kernel]), with ReLU or without, under autograd. `bias` may be null.
zt_message zt_conv2d(const Tensor* x, const Tensor* weight, const Tensor* bias, int64_t stride, int64_t padding,
                     int64_t dilation, bool relu, Tensor** y) {
  return zt_guard([&] {
    check(*x, *weight);
    const Tensor frames = in_channels_last(*x);
    const Tensor shift = bias != nullptr ? *bias : at::zeros({weight->size(0)}, at::kFloat);
    const bool differentiates = x->requires_grad() || weight->requires_grad() || shift.requires_grad();
    *y = new Tensor(at::GradMode::is_enabled() && differentiates
                        ? Conv2d::apply(frames, *weight, shift, stride, padding, dilation, relu)
                        : run_forward(frames, layer_of(*weight, shift, relu), {stride, padding, dilation}, nullptr));
  });
}

// The same without autograd, with batch norm by running statistics, residual sum and activation: as zt_conv_layer(),
// but for bytes and pooling.
zt_message zt_conv2d_layer(const Tensor* x, const Tensor* weight, const Tensor* bias, const Tensor* const* norm,
                           double eps, const Tensor* residual, int64_t stride, int64_t padding, int64_t dilation,
                           int activation, zt_packed* kept, Tensor** y) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    check(*x, *weight);
    const Tensor frames = lies_in_planes(*x) && !is_depthwise(*x, *weight) ? *x : in_channels_last(*x);
    const Tensor sum = residual != nullptr ? in_channels_last(*residual) : Tensor();
    const zt_norm statistics = norm != nullptr ? zt_norm{norm[0], norm[1], norm[2], norm[3], norm[4], eps} : zt_norm{};
    const Layer layer = {{*weight, bias, norm != nullptr ? &statistics : nullptr},
                         residual != nullptr ? &sum : nullptr,
                         static_cast<zt_conv_activation>(activation)};
    *y = new Tensor(run_forward(frames, layer, {stride, padding, dilation}, kept));
  });
}
}
