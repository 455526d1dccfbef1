// The convolution over time, of one group (cpu/conv1d/conv1d.h) or of each channel alone (cpu/depthwise/depthwise.h),
// on tensors, with its hand-derived gradient.

#include "../cpu/conv1d/conv1d.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../abi.h"
#include "depthwise.h"

namespace {

using at::Tensor;

// What a convolution computes, besides its tensors.
struct Call {
  int64_t time, dilation;
  bool relu;
};

// `offsets` is undefined when every clip has `time` frames.
zt_conv1d_shape shape_of(const Call& call, const Tensor& x, const Tensor& weight, const Tensor& offsets) {
  const int64_t batch = offsets.defined() ? offsets.size(0) - 1 : x.size(0) / call.time;
  const int64_t* const rows = offsets.defined() ? offsets.const_data_ptr<int64_t>() : nullptr;
  return {batch, call.time, weight.size(1), weight.size(0), weight.size(2), call.dilation, rows, call.relu};
}

// Clips are frames of one row.
zt_depthwise_shape depthwise_of(const zt_conv1d_shape& s) {
  return {s.batch, 1, s.time, s.out_channels, 1, s.taps, 0, s.taps / 2 * s.dilation, 1, s.dilation, s.offsets};
}

const float* data(const Tensor& tensor) { return tensor.const_data_ptr<float>(); }
float* changed(Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

Tensor run_forward(const zt_conv1d_shape& shape, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const int threads = at::get_num_threads();
  Tensor y = at::empty({x.size(0), shape.out_channels}, x.options());
  if (is_depthwise(x, weight)) {
    const zt_depthwise_shape s = depthwise_of(shape);
    const zt_conv_output output = {y.mutable_data_ptr<float>(), nullptr, nullptr,
                                   shape.relu ? zt_relu : zt_linear_activation, zt_no_pool};
    const Tensor packed = packed_depthwise(s, weight);
    zt_depthwise_forward(&s, &output, data(x), data(packed), data(bias), threads);
    return y;
  }
  const int64_t size = static_cast<int64_t>(zt_conv1d_forward_workspace(&shape, threads));
  const Tensor workspace = at::empty({size}, x.options());
  zt_conv1d_forward(&shape, data(x), data(weight), data(bias), y.mutable_data_ptr<float>(),
                    workspace.mutable_data_ptr<float>(), threads);
  return y;
}

struct Conv1d : torch::autograd::Function<Conv1d> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const std::optional<Tensor>& given_offsets, int64_t time, int64_t dilation,
                        bool relu) {
    const Tensor offsets = given_offsets.value_or(Tensor());
    Tensor y = run_forward(shape_of({time, dilation, relu}, x, weight, offsets), x, weight, bias);
    context->save_for_backward({x, weight, offsets, relu ? y : Tensor()});
    context->saved_data["time"] = time;
    context->saved_data["dilation"] = dilation;
    context->saved_data["relu"] = relu;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the convolution over time has no second derivative");
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &y = saved[3];
    const Call call = {context->saved_data["time"].toInt(), context->saved_data["dilation"].toInt(),
                       context->saved_data["relu"].toBool()};
    const zt_conv1d_shape shape = shape_of(call, x, weight, saved[2]);
    const Tensor dy = gradients[0].contiguous();
    Tensor dx = context->needs_input_grad(0) ? at::empty_like(x) : Tensor();
    Tensor dweight = context->needs_input_grad(1) ? at::empty_like(weight) : Tensor();
    Tensor dbias = context->needs_input_grad(2) ? at::empty({shape.out_channels}, x.options()) : Tensor();
    if (is_depthwise(x, weight)) {
      const Tensor passed = y.defined() ? at::threshold_backward(dy, y, 0) : dy;
      depthwise_backward(depthwise_of(shape), x, weight, passed, changed(dx), changed(dweight), changed(dbias));
    } else {
      const int threads = at::get_num_threads();
      const int64_t size = static_cast<int64_t>(zt_conv1d_backward_workspace(&shape, threads));
      const Tensor workspace = at::empty({size}, x.options());
      zt_conv1d_backward(&shape, data(x), data(weight), y.defined() ? data(y) : nullptr, data(dy), changed(dx),
                         changed(dweight), changed(dbias), workspace.mutable_data_ptr<float>(), threads);
    }
    const Tensor none;
    return {dx, dweight, dbias, none, none, none, none};  //  the last: offsets, time, dilation, relu
  }
};

}  // namespace

extern "C" {

// Computes y [rows, out_channels] of x [rows, in_channels], whose rows are the frames, clip after clip, with the weight
// [out_channels, in_channels, taps], or [channels, 1, taps] for each channel alone, and the bias [out_channels], which
// may be null; y becomes a new tensor that the caller owns. All tensors are contiguous float32 on the CPU. `offsets` is
// as in zt_recurrent_layer().
zt_message zt_conv1d(const Tensor* x, const Tensor* weight, const Tensor* bias, const Tensor* offsets, int64_t time,
                     int64_t dilation, bool relu, Tensor** y) {
  return zt_guard([&] {
    const Tensor shift = bias != nullptr ? *bias : at::zeros({weight->size(0)}, at::kFloat);
    for (const Tensor* tensor : {x, weight, &shift})
      TORCH_CHECK(tensor->is_contiguous() && tensor->is_cpu() && tensor->scalar_type() == at::kFloat,
                  "the convolution over time expects contiguous float32 tensors on the CPU");
    const Tensor rows = offsets != nullptr ? *offsets : Tensor();
    TORCH_CHECK(!rows.defined() || (rows.is_contiguous() && rows.is_cpu() && rows.scalar_type() == at::kLong),
                "the convolution over time expects contiguous int64 offsets on the CPU");
    TORCH_CHECK(
        x->dim() == 2 && weight->dim() == 3 && weight->size(2) % 2 == 1 &&
            (x->size(1) == weight->size(1) || (is_depthwise(*x, *weight) && x->size(1) == weight->size(0))) &&
            (rows.defined() ? rows.const_data_ptr<int64_t>()[rows.size(0) - 1] == x->size(0) : x->size(0) % time == 0),
        "the convolution over time expects one group or each channel alone, an odd kernel and as many rows as the "
        "clips "
        "have frames");
    const bool differentiates = x->requires_grad() || weight->requires_grad() || shift.requires_grad();
    if (differentiates && at::GradMode::is_enabled()) {
      const auto optional = rows.defined() ? std::optional(rows) : std::nullopt;  //  apply takes no undefined tensor
      *y = new Tensor(Conv1d::apply(*x, *weight, shift, optional, time, dilation, relu));
    } else {
      *y = new Tensor(run_forward(shape_of({time, dilation, relu}, *x, *weight, rows), *x, *weight, shift));
    }
  });
}
}
