// Linear layers on tensors (cpu/linear/linear.h): the small one for inference, and that of any size, with its
// hand-derived gradient.
#include "../cpu/linear/linear.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "../abi.h"

namespace {

using at::Tensor;

const float* data(const Tensor& tensor) { return tensor.const_data_ptr<float>(); }
float* changed(Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

// [..., outputs], for x of [..., inputs].
Tensor empty_outputs(const Tensor& x, int64_t outputs) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outputs;
  return at::empty(shape, at::kFloat);
}

// Of what does not fit libtorch's message says what is wrong, and nothing is not worth a kernel.
bool is_not_ours(const Tensor& x, const Tensor& weight) { return x.size(-1) != weight.size(1) || x.numel() == 0; }

zt_linear_shape shape_of(const Tensor& x, const Tensor& weight) {
  return {x.numel() / weight.size(1), weight.size(1), weight.size(0)};
}

// A second thread pays from some microseconds of work on. The results do not depend on the number of threads.
int threads_for(const zt_linear_shape& shape) {
  constexpr int64_t kEnough = 1 << 19;  //  multiplications
  return shape.rows * shape.inputs * shape.outputs < kEnough ? 1 : at::get_num_threads();
}

Tensor multiply(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const zt_linear_shape shape = shape_of(x, weight);
  const int threads = threads_for(shape);
  Tensor y = empty_outputs(x, shape.outputs);
  Tensor workspace = at::empty({static_cast<int64_t>(zt_linear_forward_workspace(&shape, threads))}, at::kFloat);
  zt_linear_forward(&shape, data(x), data(weight), data(bias), changed(y), changed(workspace), threads);
  return y;
}

struct Linear : torch::autograd::Function<Linear> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias) {
    context->save_for_backward({x, weight});
    return multiply(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the linear layer has no second derivative");
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], dy = gradients[0].contiguous();
    const zt_linear_shape shape = shape_of(x, weight);
    const int threads = threads_for(shape);
    Tensor dx = context->needs_input_grad(0) ? at::empty_like(x) : Tensor();
    Tensor dweight = context->needs_input_grad(1) ? at::empty_like(weight) : Tensor();
    Tensor dbias = context->needs_input_grad(2) ? at::empty({shape.outputs}, at::kFloat) : Tensor();
    Tensor workspace = at::empty({static_cast<int64_t>(zt_linear_backward_workspace(&shape, threads))}, at::kFloat);
    zt_linear_backward(&shape, data(x), data(weight), data(dy), changed(dx), changed(dweight), changed(dbias),
                       changed(workspace), threads);
    return {dx, dweight, dbias};
  }
};

}  // namespace

extern "C" {

bool zt_records_gradients() { return at::GradMode::is_enabled(); }

// y [..., outputs] of x [..., inputs]; weight [outputs, inputs] and bias [outputs] are contiguous, and all are float32
// on the CPU, and nothing is recorded.
zt_message zt_linear(const Tensor* x, const Tensor* weight, const Tensor* bias, Tensor** y) {
  return zt_guard([&] {
    if (is_not_ours(*x, *weight)) {
      *y = new Tensor(at::linear(*x, *weight, *bias));
      return;
    }
    const Tensor rows = x->contiguous();
    const zt_linear_shape shape = shape_of(rows, *weight);
    Tensor made = empty_outputs(rows, shape.outputs);
    zt_linear_small(data(rows), data(*weight), data(*bias), changed(made), shape.rows, shape.inputs, shape.outputs);
    *y = new Tensor(made);
  });
}

// The same as a long product, and differentiable.
zt_message zt_linear_layer(const Tensor* x, const Tensor* weight, const Tensor* bias, Tensor** y) {
  return zt_guard([&] {
    if (is_not_ours(*x, *weight)) {
      *y = new Tensor(at::linear(*x, *weight, *bias));
      return;
    }
    const Tensor rows = x->contiguous();
    const bool differentiates = x->requires_grad() || weight->requires_grad() || bias->requires_grad();
    *y = new Tensor(differentiates && at::GradMode::is_enabled() ? Linear::apply(rows, *weight, *bias)
                                                                 : multiply(rows, *weight, *bias));
  });
}
}
