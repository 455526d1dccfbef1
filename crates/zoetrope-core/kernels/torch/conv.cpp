// The convolution kernels (cpu/conv/conv.h) under autograd. The model calls them for a block that they can compute.
//
// Between blocks, frames are [frames, channels, height, width] in channels-last memory. This is the kernels' NHWC, and
// libtorch's own operations take and give it too. So a block of either path may follow a block of the other.

#include "../cpu/conv/conv.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../abi.h"
#include "folded.h"
#include "frames.h"
#include "packed.h"

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kFirstChannels = 4;  // the most channels that the first block's own kernel takes

at::Tensor workspace(size_t floats) { return at::empty({static_cast<int64_t>(floats)}, at::kFloat); }

// A new NHWC tensor, seen as [frames, channels, height, width].
at::Tensor channels_last(int64_t frames, int64_t channels, int64_t height, int64_t width, at::ScalarType type) {
  return at::empty({frames, height, width, channels}, type).permute({0, 3, 1, 2});
}

zt_conv_shape shape_of(const at::Tensor& x, const at::Tensor& weight, int64_t padding = 1) {
  return {x.size(0), x.size(2), x.size(3), x.size(1), weight.size(0), padding};
}

// Whether these are the model's input frames: few channels, channel-major memory, and no gradient.
bool is_first(const at::Tensor& x) { return x.size(1) <= kFirstChannels && x.is_contiguous() && !x.requires_grad(); }

const float* floats_or_null(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat ? x.const_data_ptr<float>() : nullptr;
}
const uint8_t* bytes_or_null(const at::Tensor& x) {
  return x.scalar_type() == at::kByte ? x.const_data_ptr<uint8_t>() : nullptr;
}

// A convolution and what follows it. The residual may be null.
struct Layer : zt_folded {
  const at::Tensor* residual;
  int64_t padding;
  zt_conv_activation activation;
  zt_conv_pool pool;
};

// Computes y and, unless it is null, argmax. When `kept` is null, the weights are not packed.
at::Tensor run_forward(const at::Tensor& x, const Layer& layer, bool first, zt_packed* kept, at::Tensor* argmax) {
  const zt_conv_shape shape = shape_of(x, layer.weight, layer.padding);
  const int threads = at::get_num_threads();
  const int64_t window = layer.pool == zt_no_pool ? 1 : 2, margin = 2 * layer.padding - 2;
  const auto new_output = [&](at::ScalarType type) {
    return channels_last(shape.frames, shape.out_channels, (shape.height + margin) / window,
                         (shape.width + margin) / window, type);
  };
  at::Tensor y = new_output(at::kFloat);
  if (argmax != nullptr) *argmax = new_output(at::kByte);
  const zt_conv_output output = {y.data_ptr<float>(), argmax != nullptr ? argmax->data_ptr<uint8_t>() : nullptr,
                                 layer.residual != nullptr ? layer.residual->const_data_ptr<float>() : nullptr,
                                 layer.activation, layer.pool};
  const at::Tensor bias = layer.folded_bias();
  const float* const shift = bias.const_data_ptr<float>();
  if (first) {
    const at::Tensor scratch = workspace(zt_conv_first_forward_workspace(&shape, threads)),
                     weight = layer.folded_weight();
    zt_conv_first_forward(&shape, &output, floats_or_null(x), bytes_or_null(x), weight.const_data_ptr<float>(), shift,
                          scratch.data_ptr<float>(), threads);
    return y;
  }
  const at::Tensor scratch = workspace(zt_conv_forward_workspace(&shape, threads));
  const auto pack = [&](float* packed) {
    const at::Tensor weight = layer.folded_weight();
    zt_conv_pack(&shape, weight.const_data_ptr<float>(), packed, scratch.data_ptr<float>(), threads);
  };
  const float* packed = nullptr;
  if (kept != nullptr) packed = kept->of(layer.sources(), {zt_conv_packed(&shape)}, pack);
  const at::Tensor weight = packed == nullptr ? layer.folded_weight() : at::Tensor();
  zt_conv_forward(&shape, &output, x.const_data_ptr<float>(),
                  packed == nullptr ? weight.const_data_ptr<float>() : nullptr, shift, packed,
                  scratch.data_ptr<float>(), threads);
  return y;
}

// A block's layer: convolution, ReLU, max-pooling.
Layer block_of(const at::Tensor& weight, const at::Tensor& bias) {
  return {{weight, &bias, nullptr}, nullptr, 1, zt_relu, zt_max_pool};
}

struct ConvBlock : Function<ConvBlock> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, bool first) {
    at::Tensor argmax;
    at::Tensor y = run_forward(x, block_of(weight, bias), first, nullptr, &argmax);
    context->save_for_backward({x, weight, argmax});
    context->saved_data["first"] = first;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &argmax = saved[2];
    const zt_conv_shape shape = shape_of(x, weight);
    const int threads = at::get_num_threads();
    const at::Tensor dy = in_channels_last(gradients[0]);
    const bool weighs = context->needs_input_grad(1) || context->needs_input_grad(2);
    at::Tensor dweight, dbias, dx;
    if (weighs) dweight = at::empty_like(weight), dbias = at::empty({shape.out_channels}, at::kFloat);
    if (context->saved_data["first"].toBool()) {
      if (!weighs) return {dx, dweight, dbias, at::Tensor()};
      const at::Tensor scratch = workspace(zt_conv_first_backward_workspace(&shape, threads));
      zt_conv_first_backward(&shape, floats_or_null(x), bytes_or_null(x), argmax.const_data_ptr<uint8_t>(),
                             dy.const_data_ptr<float>(), dweight.data_ptr<float>(), dbias.data_ptr<float>(),
                             scratch.data_ptr<float>(), threads);
    } else {
      if (context->needs_input_grad(0)) {
        dx = channels_last(shape.frames, shape.in_channels, shape.height, shape.width, at::kFloat);
      }
      const at::Tensor scratch = workspace(zt_conv_backward_workspace(&shape, threads));
      zt_conv_backward(&shape, x.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                       argmax.const_data_ptr<uint8_t>(), dy.const_data_ptr<float>(),
                       dx.defined() ? dx.data_ptr<float>() : nullptr, weighs ? dweight.data_ptr<float>() : nullptr,
                       weighs ? dbias.data_ptr<float>() : nullptr, scratch.data_ptr<float>(), threads);
    }
    return {dx, dweight, dbias, at::Tensor()};
  }
};

// The gradient of x: a convolution of dy with the same weight, rotated.
at::Tensor run_data_gradient(const zt_conv_shape& shape, const at::Tensor& weight, const at::Tensor& dy) {
  at::Tensor rotated = at::empty({shape.in_channels, shape.out_channels, 3, 3}, at::kFloat);
  zt_conv_rotate(&shape, weight.const_data_ptr<float>(), rotated.data_ptr<float>());
  const Layer layer = {{rotated, nullptr, nullptr}, nullptr, 2 - shape.padding, zt_linear_activation, zt_no_pool};
  return run_forward(dy, layer, false, nullptr, nullptr);
}

// The convolution alone, or with ReLU.
struct Conv : Function<Conv> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, int64_t padding, bool has_relu, bool first) {
    const zt_conv_activation activation = has_relu ? zt_relu : zt_linear_activation;
    const Layer layer = {{weight, &bias, nullptr}, nullptr, padding, activation, zt_no_pool};
    at::Tensor y = run_forward(x, layer, first, nullptr, nullptr);
    context->save_for_backward({x, weight, has_relu ? y : at::Tensor()});
    context->saved_data["padding"] = padding;
    context->saved_data["first"] = first;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the convolution has no second derivative");
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &y = saved[2];
    const zt_conv_shape shape = shape_of(x, weight, context->saved_data["padding"].toInt());
    const int threads = at::get_num_threads();
    at::Tensor dy = in_channels_last(gradients[0]), dx, dweight, dbias;
    if (y.defined()) dy = at::threshold_backward(dy, y, 0);
    if (context->needs_input_grad(0)) dx = run_data_gradient(shape, weight, dy);
    if (context->needs_input_grad(1) || context->needs_input_grad(2)) {
      dweight = at::empty_like(weight), dbias = at::empty({shape.out_channels}, at::kFloat);
      float *const dw = dweight.data_ptr<float>(), *const db = dbias.data_ptr<float>();
      const float* const from = dy.const_data_ptr<float>();
      if (context->saved_data["first"].toBool()) {
        const at::Tensor scratch = workspace(zt_conv_first_weight_gradient_workspace(&shape, threads));
        zt_conv_first_weight_gradient(&shape, floats_or_null(x), bytes_or_null(x), from, dw, db,
                                      scratch.data_ptr<float>(), threads);
      } else {
        const at::Tensor scratch = workspace(zt_conv_weight_gradient_workspace(&shape, threads));
        zt_conv_weight_gradient(&shape, x.const_data_ptr<float>(), from, dw, db, scratch.data_ptr<float>(), threads);
      }
    }
    const at::Tensor none;
    return {dx, dweight, dbias, none, none, none};
  }
};

at::Tensor run_flatten(const at::Tensor& x) {
  const int64_t frames = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
  at::Tensor y = at::empty({frames, channels * pixels}, at::kFloat);
  zt_channels_first(x.const_data_ptr<float>(), y.data_ptr<float>(), frames, pixels, channels, at::get_num_threads());
  return y;
}

struct Flatten : Function<Flatten> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->saved_data["sizes"] = x.sizes();
    return run_flatten(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const std::vector<int64_t> sizes = context->saved_data["sizes"].toIntVector();
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dx = channels_last(sizes[0], sizes[1], sizes[2], sizes[3], at::kFloat);
    zt_channels_last(dy.const_data_ptr<float>(), dx.data_ptr<float>(), sizes[0], sizes[2] * sizes[3], sizes[1],
                     at::get_num_threads());
    return {dx};
  }
};
}  // namespace

extern "C" {

// Frames in channels-last memory, under autograd.
zt_message zt_in_channels_last(const at::Tensor* x, at::Tensor** y) {
  return zt_guard([&] { *y = new at::Tensor(in_channels_last(*x)); });
}

// Convolution 3x3 (stride 1, padding 1), bias, ReLU and max-pooling 2x2 of frames [frames, channels, height, width] on
// the CPU: float32, or bytes that count as byte / 255 where there are at most four channels. `bias` and `kept` may be
// null.
zt_message zt_conv_block(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, zt_packed* kept,
                         at::Tensor** y) {
  return zt_guard([&] {
    // Bytes are for the first block's own kernel, which takes them one after the other.
    const at::Tensor given = x->scalar_type() == at::kByte ? x->contiguous() : *x;
    const bool first = is_first(given), trains = at::GradMode::is_enabled();
    const at::Tensor frames = first ? given : in_channels_last(given);
    const at::Tensor shift = bias != nullptr ? *bias : at::zeros({weight->size(0)}, at::kFloat);
    if (trains && kept != nullptr) kept->forget();
    *y = new at::Tensor(trains ? ConvBlock::apply(frames, *weight, shift, first)
                               : run_forward(frames, block_of(*weight, shift), first, kept, nullptr));
  });
}

// Convolution 3x3 with stride 1, batch norm by running statistics, residual sum, activation and pooling 2x2 of frames
// [frames, channels, height, width] on the CPU, without autograd: float32, or bytes where there are at most four
// channels and the padding is 1. `norm` has weight, bias, running mean, running variance and the count of batches;
// `bias`, `norm` and `residual` may be null.
zt_message zt_conv_layer(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias,
                         const at::Tensor* const* norm, double eps, const at::Tensor* residual, int64_t padding,
                         int activation, int pool, zt_packed* kept, at::Tensor** y) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    const at::Tensor given = x->scalar_type() == at::kByte ? x->contiguous() : *x;
    const bool first = padding == 1 && is_first(given);
    const at::Tensor frames = first ? given : in_channels_last(given);
    const at::Tensor sum = residual != nullptr ? in_channels_last(*residual) : at::Tensor();
    const zt_norm statistics = norm != nullptr ? zt_norm{norm[0], norm[1], norm[2], norm[3], norm[4], eps} : zt_norm{};
    const Layer layer = {{*weight, bias, norm != nullptr ? &statistics : nullptr},
                         residual != nullptr ? &sum : nullptr,
                         padding,
                         static_cast<zt_conv_activation>(activation),
                         static_cast<zt_conv_pool>(pool)};
    *y = new at::Tensor(run_forward(frames, layer, first, kept, nullptr));
  });
}

// Convolution 3x3 with stride 1 and a padding of 0 to 2 of frames [frames, channels, height, width] on the CPU, with
// ReLU or without, under autograd: float32, or bytes where there are at most four channels and the padding is 1.
zt_message zt_conv(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, int64_t padding, bool relu,
                   at::Tensor** y) {
  return zt_guard([&] {
    const at::Tensor given = x->scalar_type() == at::kByte ? x->contiguous() : *x;
    const bool first = padding == 1 && is_first(given);
    const at::Tensor frames = first ? given : in_channels_last(given);
    const at::Tensor shift = bias != nullptr ? *bias : at::zeros({weight->size(0)}, at::kFloat);
    *y = new at::Tensor(Conv::apply(frames, *weight, shift, padding, relu, first));
  });
}

// Features [frames, channels * height * width], channel-major, of a block's output in channels-last memory.
zt_message zt_flatten(const at::Tensor* x, at::Tensor** y) {
  return zt_guard([&] {
    const at::Tensor frames = in_channels_last(*x);
    *y = new at::Tensor(at::GradMode::is_enabled() ? Flatten::apply(frames) : run_flatten(frames));
  });
}
}
