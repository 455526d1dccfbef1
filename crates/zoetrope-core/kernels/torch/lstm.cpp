// One direction of one LSTM layer (cpu/lstm/lstm.h) on tensors, with its hand-derived gradient.

#include "../cpu/lstm/lstm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../abi.h"
#include "packed.h"

namespace {

using at::Tensor;

// `offsets` is undefined when every clip has `time` frames.
zt_lstm_shape shape_of(const Tensor& x, const Tensor& w_hh, const Tensor& offsets, int64_t time, bool reverse,
                       bool last_only) {
  const int64_t batch = offsets.defined() ? offsets.size(0) - 1 : x.size(0) / time;
  const int64_t* const rows = offsets.defined() ? offsets.const_data_ptr<int64_t>() : nullptr;
  return {batch, time, x.size(1), w_hh.size(1), rows, reverse, last_only};
}

Tensor floats(const Tensor& like, size_t count) { return at::empty({static_cast<int64_t>(count)}, like.options()); }

// `saved` is undefined for inference. When `kept` is null, the weights are not packed.
Tensor run_forward(const zt_lstm_shape& shape, const Tensor& x, int64_t pixels, const Tensor& w_ih, const Tensor& w_hh,
                   const Tensor& b_ih, const Tensor& b_hh, zt_packed* kept, const Tensor& saved) {
  const int threads = at::get_num_threads();
  const Tensor workspace = floats(x, zt_lstm_forward_workspace(&shape, threads));
  Tensor y = at::empty({shape.last_only ? shape.batch : x.size(0), shape.hidden}, x.options());
  const auto pack = [&](float* packed) {
    const Tensor scratch = floats(x, zt_lstm_pack_workspace(&shape, threads));
    zt_lstm_pack(&shape, w_ih.const_data_ptr<float>(), w_hh.const_data_ptr<float>(), pixels, packed,
                 scratch.mutable_data_ptr<float>(), threads);
  };
  const zt_packed_form form = {zt_lstm_packed(&shape), pixels};
  const float* const packed = kept != nullptr ? kept->of({w_ih, w_hh}, form, pack) : nullptr;
  TORCH_CHECK(packed != nullptr || pixels == 1, "only packed weights take features in another order");
  zt_lstm_forward(&shape, x.const_data_ptr<float>(), w_ih.const_data_ptr<float>(), w_hh.const_data_ptr<float>(),
                  b_ih.const_data_ptr<float>(), b_hh.const_data_ptr<float>(), packed, y.mutable_data_ptr<float>(),
                  saved.defined() ? saved.mutable_data_ptr<float>() : nullptr, workspace.mutable_data_ptr<float>(),
                  threads);
  return y;
}

struct LstmLayer : torch::autograd::Function<LstmLayer> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& w_ih,
                        const Tensor& w_hh, const Tensor& b_ih, const Tensor& b_hh,
                        const std::optional<Tensor>& given_offsets, int64_t time, bool reverse, bool last_only) {
    const Tensor offsets = given_offsets.value_or(Tensor());
    const zt_lstm_shape shape = shape_of(x, w_hh, offsets, time, reverse, last_only);
    const Tensor saved = floats(x, zt_lstm_saved(&shape));
    Tensor y = run_forward(shape, x, 1, w_ih, w_hh, b_ih, b_hh, nullptr, saved);
    context->save_for_backward({x, w_ih, w_hh, saved, offsets});
    context->saved_data["time"] = time;
    context->saved_data["reverse"] = reverse;
    context->saved_data["last_only"] = last_only;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the LSTM kernel has no second derivative");
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w_ih = saved[1], &w_hh = saved[2];
    const zt_lstm_shape shape =
        shape_of(x, w_hh, saved[4], context->saved_data["time"].toInt(), context->saved_data["reverse"].toBool(),
                 context->saved_data["last_only"].toBool());
    const Tensor dy = gradients[0].contiguous();
    Tensor dx = context->needs_input_grad(0) ? at::empty_like(x) : Tensor();
    Tensor dw_ih = at::empty_like(w_ih), dw_hh = at::empty_like(w_hh);
    Tensor db = floats(x, 4 * shape.hidden);
    const int threads = at::get_num_threads();
    const Tensor workspace = floats(x, zt_lstm_backward_workspace(&shape, threads));
    zt_lstm_backward(&shape, x.const_data_ptr<float>(), w_ih.const_data_ptr<float>(), w_hh.const_data_ptr<float>(),
                     saved[3].const_data_ptr<float>(), dy.const_data_ptr<float>(),
                     dx.defined() ? dx.mutable_data_ptr<float>() : nullptr, dw_ih.mutable_data_ptr<float>(),
                     dw_hh.mutable_data_ptr<float>(), db.mutable_data_ptr<float>(), workspace.mutable_data_ptr<float>(),
                     threads);
    const Tensor none;
    return {dx, dw_ih, dw_hh, db, db.clone(), none, none, none, none};  //  the last: offsets, time, reverse, last_only
  }
};

}  // namespace

extern "C" {

// Whether a layer packs its weights. It does in inference, unless they are too large. Clips have up to `time` frames.
bool zt_lstm_packs(const Tensor* w_ih, const Tensor* w_hh, int64_t time) {
  const zt_lstm_shape shape = {1, time, w_ih->size(1), w_hh->size(1), nullptr, false, false};
  return !at::GradMode::is_enabled() && zt_lstm_packed(&shape) > 0;
}

// Computes y of x [rows, features], whose rows are the frames, clip after clip. y is [rows, hidden], or [batch, hidden]
// with `last_only`, and becomes a new tensor that the caller owns. All tensors are contiguous float32 on the CPU.
//
// Clips have 1 … time frames; int64 `offsets` [batch + 1] says how many (see cpu/lstm/lstm.h). When `offsets` is null,
// all clips have `time` frames. The features of w_ih are [channels][pixels]. When zt_lstm_packs() allows it, those
// of x may be [pixels][channels]; otherwise `pixels` is 1. `kept` may be null.
zt_message zt_lstm_layer(const Tensor* x, int64_t pixels, const Tensor* w_ih, const Tensor* w_hh, const Tensor* b_ih,
                         const Tensor* b_hh, const Tensor* offsets, int64_t time, bool reverse, bool last_only,
                         zt_packed* kept, Tensor** y) {
  return zt_guard([&] {
    bool differentiates = false;
    for (const Tensor* tensor : {x, w_ih, w_hh, b_ih, b_hh}) {
      TORCH_CHECK(tensor->is_contiguous() && tensor->is_cpu() && tensor->scalar_type() == at::kFloat,
                  "the LSTM kernel expects contiguous float32 tensors on the CPU");
      differentiates |= tensor->requires_grad();
    }
    const Tensor rows = offsets != nullptr ? *offsets : Tensor();
    TORCH_CHECK(!rows.defined() || (rows.is_contiguous() && rows.is_cpu() && rows.scalar_type() == at::kLong),
                "the LSTM kernel expects contiguous int64 offsets on the CPU");
    TORCH_CHECK(x->dim() == 2 && (rows.defined() ? rows.const_data_ptr<int64_t>()[rows.size(0) - 1] == x->size(0)
                                                 : x->size(0) % time == 0),
                "the LSTM kernel expects as many rows as the clips have frames");
    if (differentiates && at::GradMode::is_enabled()) {
      TORCH_CHECK(pixels == 1, "in training the LSTM kernel takes features in the order of the weights only");
      if (kept != nullptr) kept->forget();
      const auto optional = rows.defined() ? std::optional(rows) : std::nullopt;  //  apply takes no undefined tensor
      *y = new Tensor(LstmLayer::apply(*x, *w_ih, *w_hh, *b_ih, *b_hh, optional, time, reverse, last_only));
    } else {
      const zt_lstm_shape shape = shape_of(*x, *w_hh, rows, time, reverse, last_only);
      *y = new Tensor(run_forward(shape, *x, pixels, *w_ih, *w_hh, *b_ih, *b_hh, kept, Tensor()));
    }
  });
}
}
