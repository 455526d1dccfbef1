// Recurrent layers on tensors, under autograd, against at::lstm and at::gru in float64; and the allocator that its
// tensors come from.
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <cstdio>
#include <thread>
#include <vector>

#include "../abi.h"
#include "../torch/packed.h"

extern "C" {
zt_message zt_recurrent_layer(int32_t cell, const at::Tensor* x, int64_t pixels, const at::Tensor* const* weights,
                              int64_t directions, const at::Tensor* offsets, int64_t time, bool last_only,
                              zt_packed* const* kept, at::Tensor** y);
zt_message zt_install_allocator();
void zt_release_cache();
size_t zt_cached_bytes();
size_t zt_live_bytes();
}

namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

int passed = 0, failed = 0;

void check(bool ok, const char* what) {
  (ok ? passed : failed)++;
  if (!ok) std::printf("failed: %s\n", what);
}

// What a layer is, and how its clips lie; `offsets` is undefined where every clip has `time` frames.
struct Call {
  bool is_gru;
  int64_t directions;
  Tensor offsets;
  int64_t time;
  bool last_only;
};

// t[0] is [rows, features], and then come four weights of each direction.
Tensor layer(const Tensors& t, const Call& call, zt_packed* kept = nullptr, int64_t pixels = 1) {
  Tensor* y = nullptr;
  std::vector<const Tensor*> weights;
  for (size_t i = 1; i < t.size(); ++i) weights.push_back(&t[i]);
  const zt_message message = zt_recurrent_layer(call.is_gru ? 1 : 0, &t[0], pixels, weights.data(), call.directions,
                                                call.offsets.defined() ? &call.offsets : nullptr, call.time,
                                                call.last_only, kept != nullptr ? &kept : nullptr, &y);
  TORCH_CHECK(message == nullptr, message);
  Tensor out = *y;
  delete y;
  return out;
}

// Clip after clip.
Tensor reference(const Tensors& t, const std::vector<int64_t>& lengths, const Call& call) {
  Tensors outputs;
  const at::TensorList weights = at::TensorList(t).slice(1);
  const bool both = call.directions == 2;
  for (const Tensor& clip : t[0].split_with_sizes(lengths)) {
    const Tensor x = clip.unsqueeze(0), zeros = at::zeros({call.directions, 1, t[2].size(1)}, x.options());
    const Tensor y = call.is_gru
                         ? std::get<0>(at::gru(x, zeros, weights, true, 1, 0.0, true, both, true)).squeeze(0)
                         : std::get<0>(at::lstm(x, {zeros, zeros}, weights, true, 1, 0.0, true, both, true)).squeeze(0);
    outputs.push_back(call.last_only ? y.slice(0, -1) : y);
  }
  return at::cat(outputs);
}

bool close(const Tensor& a, const Tensor& exact) {
  return ((a.to(at::kDouble) - exact).norm() <= 2e-6 * exact.norm()).item<bool>();
}

void check_layer(bool is_gru, int64_t directions, bool last_only, const std::vector<int64_t>& lengths) {
  const int64_t time = lengths[1], gates = is_gru ? 60 : 80;
  const Tensor ends = at::tensor(lengths).cumsum(0);
  const Tensor offsets = lengths[0] < time ? at::cat({at::zeros({1}, at::kLong), ends}) : Tensor();
  const Call call = {is_gru, directions, offsets, time, last_only};
  Tensors leaves = {at::randn({ends[-1].item<int64_t>(), 37})};
  for (int64_t i = 0; i < directions; ++i)
    for (Tensor& weight : Tensors{at::randn({gates, 37}).mul_(.2), at::randn({gates, 20}).mul_(.2), at::randn({gates}),
                                  at::randn({gates})})
      leaves.push_back(weight);
  for (Tensor& t : leaves) t.requires_grad_();
  Tensors doubles;
  for (const Tensor& t : leaves) doubles.push_back(t.detach().to(at::kDouble).requires_grad_());
  const Tensor y = layer(leaves, call), exact = reference(doubles, lengths, call);
  check(y.requires_grad() && close(y.detach(), exact.detach()), "outputs");
  const Tensor weight = at::randn(y.sizes());
  const auto gradients = torch::autograd::grad({(y * weight).sum()}, leaves);
  const auto wanted = torch::autograd::grad({(exact * weight.to(at::kDouble)).sum()}, doubles);
  for (size_t i = 0; i < leaves.size(); ++i) check(close(gradients[i], wanted[i]), "gradients");
  check(gradients[3].data_ptr() != gradients[4].data_ptr(), "the biases' gradients are two tensors");
  const at::NoGradGuard no_grad;
  const Tensor plain = layer(leaves, call);
  check(!plain.requires_grad() && plain.equal(y.detach()), "inference gives the same");
}

void check_layers() {
  const std::vector<int64_t> all_lengths[] = {{1, 1, 1, 1, 1}, {6, 6, 6, 6, 6}, {2, 6, 1, 6, 4}};
  for (const auto& lengths : all_lengths)
    for (const bool is_gru : {false, true}) {
      for (const int64_t directions : {1, 2}) check_layer(is_gru, directions, false, lengths);
      check_layer(is_gru, 1, true, lengths);
    }
  const Tensors wrong = {at::randn({37, 30}).transpose(0, 1), at::randn({80, 37}), at::randn({80, 20}), at::randn({80}),
                         at::randn({80})};
  bool refused = false;
  try {
    layer(wrong, {false, 1, Tensor(), 6, false});
  } catch (const std::exception&) {
    refused = true;
  }
  check(refused, "a tensor that is not contiguous is refused");
}

// Weights are packed at the second inference with them, at the first where features have another order, and never used
// when they have changed.
void check_kept() {
  const auto weight = [](at::IntArrayRef size) { return at::randn(size).mul_(.2); };
  Tensors t = {at::randn({12, 36}), weight({80, 36}), weight({80, 20}), weight({80}), weight({80})};
  for (const int i : {1, 2}) t[i].requires_grad_();
  zt_packed kept;
  const auto of = [](int64_t time) { return Call{false, 1, Tensor(), time, false}; };
  const auto is_right = [&](int64_t time) {
    const at::NoGradGuard no_grad;
    return layer(t, of(time), &kept).equal(layer(t, of(time)));
  };
  const Tensor by_position = t[0].view({12, 9, 4}).transpose(1, 2).reshape({12, 36});
  const auto is_close = [&](int64_t time) {
    const at::NoGradGuard no_grad;
    Tensors reordered = t;
    reordered[0] = by_position;
    zt_packed fresh;
    const Tensor y = layer(reordered, of(time), &kept, 4);
    return y.allclose(layer(t, of(time)), 1e-5, 1e-6) && y.equal(layer(reordered, of(time), &fresh, 4));
  };
  for (const int64_t time : {1, 6, 6, 1, 1, 6})
    check(is_right(time) && is_close(time) && is_right(time) && is_close(time), "kept weights give the same");
  for (const int i : {1, 2}) {
    const at::NoGradGuard no_grad;
    t[i].mul_(1.5);
    check(is_right(6) && is_close(6) && is_right(6) && is_right(6), "changed weights are packed again");
  }
  const auto calls = [&] {
    int count = 0;
    for (int i = 0; i < 3; ++i) kept.of({t[1], t[2]}, {4}, [&](float*) { ++count; });
    return count;
  };
  check(calls() == 1 && calls() == 0, "weights are packed once");
  layer(t, of(6), &kept);
  check(calls() == 1, "training lets them go");
  const at::NoGradGuard no_grad;
  const auto switched = [&](int64_t time) {
    layer(t, of(time), &kept);
    return calls();
  };
  check(switched(1) + switched(6) + switched(1) + switched(6) == 0, "clips of one frame and of several in turn");
}

void check_allocator() {
  zt_release_cache();
  const size_t live = zt_live_bytes();
  check(zt_cached_bytes() == 0, "a released cache is empty");
  void* address = nullptr;
  {
    const Tensor a = at::ones({1 << 20});
    address = a.data_ptr();
    check(zt_live_bytes() >= live + (4 << 20), "live bytes");
  }
  check(zt_live_bytes() == live && zt_cached_bytes() >= (4 << 20), "a freed block is kept");
  check(at::empty({1 << 20}).data_ptr() == address, "and given out again");
  for (const int64_t count : {0, 1, 100, 16383, 16384, 16385, 1000003}) {
    const Tensor t = at::zeros({count});
    check(reinterpret_cast<uintptr_t>(t.data_ptr()) % 64 == 0 && t.count_nonzero().item<int64_t>() == 0, "alignment");
    check(t.clone().equal(t), "clone");
  }
  Tensor grown = at::ones({30000});
  grown.resize_({90000});
  check(grown.slice(0, 0, 30000).eq(1).all().item<bool>(), "resize keeps the values");

  {
    Tensors big;
    for (int i = 0; i < 8; ++i) big.push_back(at::ones({1 << 20}));
  }
  const Tensor other = at::ones({3 << 20});
  check(zt_cached_bytes() + zt_live_bytes() <= (size_t{36} << 20) * 3 / 2 + (size_t{16} << 20), "bounded");
  zt_release_cache();
  check(zt_cached_bytes() == 0, "released");

  std::vector<std::thread> threads;
  std::vector<Tensors> handed(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 500; ++k) {
        const Tensor t = at::full({20000 + 5000 * (k % 9)}, double(i));
        if (k % 50 == 0) handed[i].push_back(t);
        if (!t.eq(i).all().item<bool>()) std::abort();
      }
    });
  for (auto& thread : threads) thread.join();
  bool same = true;
  for (int i = 0; i < 4; ++i)
    for (const Tensor& t : handed[i]) same &= t.eq(i).all().item<bool>();
  handed.clear();  //  freed by another thread than allocated
  check(same, "threads do not share blocks");

  bool refused = false;
  try {
    at::empty({int64_t{1} << 45});
  } catch (const c10::Error& error) {
    refused = std::string(error.what()).find("can't allocate memory") != std::string::npos;
  }
  check(refused, "out of memory is an error");
  static Tensor at_exit = at::ones({1 << 20});  //  freed while the process exits
}

}  // namespace

int main() {
  at::set_num_threads(2);
  torch::manual_seed(0);
  zt_message message = zt_install_allocator();
  check(message == nullptr && zt_install_allocator() == nullptr, "install, twice");
  check_layers();
  check_kept();
  check_allocator();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
