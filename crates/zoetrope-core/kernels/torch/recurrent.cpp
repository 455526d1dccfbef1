// A layer of an LSTM or a GRU (cpu/recurrent/recurrent.h) on tensors, with its hand-derived gradient.

#include "../cpu/recurrent/recurrent.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../abi.h"
#include "packed.h"

namespace {

using at::Tensor;

constexpr size_t kWeights = 4;  //  of a direction: w_ih, w_hh, b_ih, b_hh

// What a layer computes, besides its tensors.
struct Call {
  zt_cell cell;
  int64_t directions, time;
  bool last_only;
};

// `offsets` is undefined when every clip has `time` frames.
zt_recurrent_shape shape_of(const Call& call, const Tensor& x, const Tensor& w_hh, const Tensor& offsets) {
  const int64_t batch = offsets.defined() ? offsets.size(0) - 1 : x.size(0) / call.time;
  const int64_t* const rows = offsets.defined() ? offsets.const_data_ptr<int64_t>() : nullptr;
  return {call.cell, batch, call.time, x.size(1), w_hh.size(1), rows, call.directions, call.last_only};
}

Tensor floats(const Tensor& like, size_t count) { return at::empty({static_cast<int64_t>(count)}, like.options()); }

const float* data(const Tensor& tensor) { return tensor.const_data_ptr<float>(); }

// Those of each direction, unpacked.
std::vector<zt_recurrent_weights> weights_of(at::TensorList tensors) {
  std::vector<zt_recurrent_weights> weights;
  for (size_t i = 0; i < tensors.size(); i += kWeights)
    weights.push_back({data(tensors[i]), data(tensors[i + 1]), data(tensors[i + 2]), data(tensors[i + 3]), nullptr});
  return weights;
}

// `saved` is undefined for inference. When `kept` is null, the weights are not packed; otherwise it has one for each
// direction.
Tensor run_forward(const zt_recurrent_shape& shape, const Tensor& x, int64_t pixels, at::TensorList tensors,
                   zt_packed* const* kept, const Tensor& saved) {
  const int threads = at::get_num_threads();
  const Tensor workspace = floats(x, zt_recurrent_forward_workspace(&shape, threads));
  Tensor y = at::empty({shape.last_only ? shape.batch : x.size(0), shape.directions * shape.hidden}, x.options());
  std::vector<zt_recurrent_weights> weights = weights_of(tensors);
  const zt_packed_form form = {zt_recurrent_packed(&shape), pixels};
  for (size_t i = 0; i < weights.size() && kept != nullptr; ++i) {
    const Tensor &w_ih = tensors[i * kWeights], &w_hh = tensors[i * kWeights + 1];
    weights[i].packed = kept[i]->of({w_ih, w_hh}, form, [&](float* packed) {
      const Tensor scratch = floats(x, zt_recurrent_pack_workspace(&shape, threads));
      zt_recurrent_pack(&shape, data(w_ih), data(w_hh), pixels, packed, scratch.mutable_data_ptr<float>(), threads);
    });
  }
  if (std::any_of(weights.begin(), weights.end(), [](const auto& w) { return w.packed == nullptr; }))
    for (zt_recurrent_weights& direction : weights) direction.packed = nullptr;
  TORCH_CHECK(weights[0].packed != nullptr || pixels == 1, "only packed weights take features in another order");
  zt_recurrent_forward(&shape, data(x), weights.data(), y.mutable_data_ptr<float>(),
                       saved.defined() ? saved.mutable_data_ptr<float>() : nullptr, workspace.mutable_data_ptr<float>(),
                       threads);
  return y;
}

struct RecurrentLayer : torch::autograd::Function<RecurrentLayer> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, at::TensorList weights,
                        const std::optional<Tensor>& given_offsets, int64_t cell, int64_t time, bool last_only) {
    const Tensor offsets = given_offsets.value_or(Tensor());
    const int64_t directions = static_cast<int64_t>(weights.size() / kWeights);
    const Call call = {static_cast<zt_cell>(cell), directions, time, last_only};
    const zt_recurrent_shape shape = shape_of(call, x, weights[1], offsets);
    const Tensor saved = floats(x, zt_recurrent_saved(&shape));
    Tensor y = run_forward(shape, x, 1, weights, nullptr, saved);
    torch::autograd::variable_list kept = {x, saved, offsets};
    kept.insert(kept.end(), weights.begin(), weights.end());
    context->save_for_backward(kept);
    context->saved_data["cell"] = cell;
    context->saved_data["time"] = time;
    context->saved_data["last_only"] = last_only;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the recurrent kernels have no second derivative");
    const auto kept = context->get_saved_variables();
    const Tensor &x = kept[0], &saved = kept[1], &offsets = kept[2];
    const at::TensorList tensors = at::TensorList(kept).slice(3);
    const Call call = {static_cast<zt_cell>(context->saved_data["cell"].toInt()),
                       static_cast<int64_t>(tensors.size() / kWeights), context->saved_data["time"].toInt(),
                       context->saved_data["last_only"].toBool()};
    const zt_recurrent_shape shape = shape_of(call, x, tensors[1], offsets);
    const Tensor dy = gradients[0].contiguous();
    torch::autograd::variable_list out = {context->needs_input_grad(0) ? at::empty_like(x) : Tensor()};
    std::vector<zt_recurrent_gradients> of_weights;
    for (const Tensor& weight : tensors)
      out.push_back(context->needs_input_grad(out.size()) ? at::empty_like(weight) : Tensor());
    for (size_t i = 1; i < out.size(); i += kWeights) {
      const auto at = [&](size_t weight) {
        return out[i + weight].defined() ? out[i + weight].mutable_data_ptr<float>() : nullptr;
      };
      of_weights.push_back({at(0), at(1), at(2), at(3)});
    }
    const int threads = at::get_num_threads();
    const Tensor workspace = floats(x, zt_recurrent_backward_workspace(&shape, threads));
    zt_recurrent_backward(&shape, data(x), weights_of(tensors).data(), data(saved), data(dy),
                          out[0].defined() ? out[0].mutable_data_ptr<float>() : nullptr, of_weights.data(),
                          workspace.mutable_data_ptr<float>(), threads);
    out.resize(out.size() + 4);  //  offsets, cell, time, last_only
    return out;
  }
};

void check_layer(const Tensor& x, at::TensorList weights, const Tensor& offsets, int64_t time) {
  const auto is_ours = [](const Tensor& tensor) {
    return tensor.is_contiguous() && tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
  };
  TORCH_CHECK(is_ours(x) && std::all_of(weights.begin(), weights.end(), is_ours),
              "the recurrent kernels expect contiguous float32 tensors on the CPU");
  TORCH_CHECK(!offsets.defined() || (offsets.is_contiguous() && offsets.is_cpu() && offsets.scalar_type() == at::kLong),
              "the recurrent kernels expect contiguous int64 offsets on the CPU");
  TORCH_CHECK(x.dim() == 2 && (offsets.defined() ? offsets.const_data_ptr<int64_t>()[offsets.size(0) - 1] == x.size(0)
                                                 : x.size(0) % time == 0),
              "the recurrent kernels expect as many rows as the clips have frames");
}

}  // namespace

extern "C" {

// Whether a layer packs its weights. It does in inference, unless they are too large. Clips have up to `time` frames.
bool zt_recurrent_packs(int32_t cell, const Tensor* w_ih, const Tensor* w_hh, int64_t time) {
  const zt_recurrent_shape shape = {
      static_cast<zt_cell>(cell), 1, time, w_ih->size(1), w_hh->size(1), nullptr, 1, false};
  return !at::GradMode::is_enabled() && zt_recurrent_packed(&shape) > 0;
}

// Computes y of x [rows, features], whose rows are the frames, clip after clip. `weights` are w_ih, w_hh, b_ih and b_hh
// of each of the `directions`. y is [rows, directions * hidden], or [batch, hidden] with `last_only` and one direction,
// and becomes a new tensor that the caller owns. All tensors are contiguous float32 on the CPU.
//
// Clips have 1 … time frames; int64 `offsets` [batch + 1] says how many (see cpu/recurrent/recurrent.h). When `offsets`
// is null, all clips have `time` frames. The features of w_ih are [channels][pixels]. When zt_recurrent_packs() allows
// it, those of x may be [pixels][channels]; otherwise `pixels` is 1. `kept` may be null, or has one for each direction.
zt_message zt_recurrent_layer(int32_t cell, const Tensor* x, int64_t pixels, const Tensor* const* weights,
                              int64_t directions, const Tensor* offsets, int64_t time, bool last_only,
                              zt_packed* const* kept, Tensor** y) {
  return zt_guard([&] {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < directions * kWeights; ++i) tensors.push_back(*weights[i]);
    const Tensor rows = offsets != nullptr ? *offsets : Tensor();
    check_layer(*x, tensors, rows, time);
    TORCH_CHECK(!last_only || directions == 1, "the recurrent kernels take last_only with one direction");
    const bool differentiates = x->requires_grad() || std::any_of(tensors.begin(), tensors.end(),
                                                                  [](const Tensor& t) { return t.requires_grad(); });
    if (differentiates && at::GradMode::is_enabled()) {
      TORCH_CHECK(pixels == 1, "in training the recurrent kernels take features in the order of the weights only");
      for (int64_t i = 0; i < directions && kept != nullptr; ++i) kept[i]->forget();
      const auto optional = rows.defined() ? std::optional(rows) : std::nullopt;  //  apply takes no undefined tensor
      *y = new Tensor(RecurrentLayer::apply(*x, at::TensorList(tensors), optional, cell, time, last_only));
    } else {
      const Call call = {static_cast<zt_cell>(cell), directions, time, last_only};
      *y = new Tensor(run_forward(shape_of(call, *x, tensors[1], rows), *x, pixels, tensors, kept, Tensor()));
    }
  });
}
}
