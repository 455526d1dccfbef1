// A linear layer on tensors: the kernel (cpu/linear/linear.h) for inference, libtorch's own operation under autograd.
#include "../cpu/linear/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <c10/core/GradMode.h>

#include <vector>

#include "../abi.h"

extern "C" {

// y [..., outputs] of x [..., inputs]; weight [outputs, inputs] and bias [outputs] are contiguous, and all are float32
// on the CPU.
zt_message zt_linear(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, at::Tensor** y) {
  return zt_guard([&] {
    const int64_t inputs = weight->size(1), outputs = weight->size(0);
    if (at::GradMode::is_enabled() || x->size(-1) != inputs) {  //  libtorch's message says what is wrong
      *y = new at::Tensor(at::linear(*x, *weight, *bias));
      return;
    }
    const at::Tensor rows = x->contiguous();
    std::vector<int64_t> shape = x->sizes().vec();
    shape.back() = outputs;
    const at::Tensor made = at::empty(shape, at::kFloat);
    zt_linear_forward(rows.const_data_ptr<float>(), weight->const_data_ptr<float>(), bias->const_data_ptr<float>(),
                      made.mutable_data_ptr<float>(), rows.numel() / inputs, inputs, outputs);
    *y = new at::Tensor(made);
  });
}
}
