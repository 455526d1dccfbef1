// The LSTM's kernels against at::lstm (oneDNN), forward and a whole step with autograd, interleaved: the best
// of many rounds, which other programs on the machine disturb least.
//
//   lstm_bench [threads] [allocator: 0 or 1]
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "../abi.h"
#include "../cpu/isa.h"
#include "../torch/packed.h"

extern "C" {
zt_message zt_lstm_layer(const at::Tensor* x, int64_t pixels, const at::Tensor* w_ih, const at::Tensor* w_hh,
                         const at::Tensor* b_ih, const at::Tensor* b_hh, const at::Tensor* offsets, int64_t time,
                         bool reverse, bool last_only, zt_packed* kept, at::Tensor** y);
zt_message zt_install_allocator();
void zt_release_cache();
size_t zt_cached_bytes();
size_t zt_live_bytes();
}

namespace {

using at::Tensor;

double milliseconds(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double best(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

double error(const Tensor& a, const Tensor& exact) {
  return ((a.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

Tensor ours(const Tensor& x, const std::vector<Tensor>& w, bool last_only, zt_packed* kept = nullptr) {
  Tensor* y = nullptr;
  const Tensor frames = x.flatten(0, 1);
  const zt_message message =
      zt_lstm_layer(&frames, 1, &w[0], &w[1], &w[2], &w[3], nullptr, x.size(1), false, last_only, kept, &y);
  TORCH_CHECK(message == nullptr, message);
  Tensor out = *y;
  delete y;
  return last_only ? out : out.view({x.size(0), x.size(1), -1});
}

Tensor theirs(const Tensor& x, const std::vector<Tensor>& w) {
  const Tensor zeros = at::zeros({1, x.size(0), w[1].size(1)}, x.options());
  return std::get<0>(at::lstm(x, {zeros, zeros}, w, true, 1, 0.0, at::GradMode::is_enabled(), false, true));
}

void bench(int64_t batch, int64_t time, int64_t features) {
  const int64_t hidden = 128;
  torch::manual_seed(0);
  const double bound = 1 / std::sqrt(double(hidden));
  const auto weight = [&](at::IntArrayRef size) { return at::empty(size).uniform_(-bound, bound).requires_grad_(); };
  std::vector<Tensor> w = {weight({4 * hidden, features}), weight({4 * hidden, hidden}), weight({4 * hidden}),
                           weight({4 * hidden})};
  const Tensor x = (at::randn({batch, time, features}) * 0.1).requires_grad_();
  const auto step = [&](bool mine) {
    std::vector<Tensor> inputs = {x};
    inputs.insert(inputs.end(), w.begin(), w.end());
    const Tensor last = mine ? ours(x, w, true) : theirs(x, w).select(1, -1);
    return torch::autograd::grad({last.square().sum()}, inputs);
  };
  {
    std::vector<Tensor> exact_w;
    for (const Tensor& t : w) exact_w.push_back(t.detach().to(at::kDouble).requires_grad_());
    const Tensor exact_x = x.detach().to(at::kDouble).requires_grad_();
    const Tensor exact = theirs(exact_x, exact_w);
    std::vector<Tensor> inputs = {exact_x};
    inputs.insert(inputs.end(), exact_w.begin(), exact_w.end());
    const auto gradients = torch::autograd::grad({exact.select(1, -1).square().sum()}, inputs);
    double of_ours = 0, of_theirs = 0;
    const auto mine = step(true), other = step(false);
    for (int i = 0; i < 5; ++i) {
      if (time == 1 && i == 2) continue;  //  W_hh has no gradient
      of_ours = std::max(of_ours, error(mine[i], gradients[i]));
      of_theirs = std::max(of_theirs, error(other[i], gradients[i]));
    }
    std::printf("%2ld x %2ld x %5ld  errors: values %.1e / %.1e, gradients %.1e / %.1e\n", long(batch), long(time),
                long(features), error(ours(x, w, false), exact), error(theirs(x, w), exact), of_ours, of_theirs);
  }
  zt_packed kept;  //  as a model has it: from the second inference on
  std::vector<double> times[4];
  const int rounds = features > 20000 ? 9 : 21;
  for (int round = 0; round < rounds; ++round) {
    for (const bool mine : {true, false}) {
      {
        const at::NoGradGuard no_grad;
        times[mine].push_back(milliseconds([&] { mine ? ours(x, w, true, &kept) : theirs(x, w); }));
      }
      times[2 + mine].push_back(milliseconds([&] { step(mine); }));
    }
  }
  const double work = 2.0 * batch * time * features * 4 * hidden;
  for (const int kind : {0, 2}) {
    const double other = best(times[kind]), mine = best(times[kind + 1]);
    std::printf("    %-18s ours %8.3f ms, at::lstm %8.3f ms, ratio %5.2f, %5.1f GFLOP/s\n",
                kind == 0 ? "inference" : "forward + backward", mine, other, other / mine,
                work * (kind == 0 ? 1 : 3) / mine / 1e6);
  }
}

}  // namespace

int main(int count, char** arguments) {
  at::set_num_threads(count > 1 ? std::atoi(arguments[1]) : 2);
  const bool caches = count > 2 && std::atoi(arguments[2]) != 0;
  if (caches) zt_install_allocator();
  std::printf("%s, %d threads, caching allocator %s; ours / at::lstm\n", zt_isa_name(), at::get_num_threads(),
              caches ? "on" : "off");
  bench(64, 1, 4096);
  bench(16, 8, 4096);
  bench(8, 16, 4096);
  bench(8, 16, 16384);
  bench(1, 16, 16384);
  bench(4, 16, 50176);
  std::printf("live %.1f MB, kept %.1f MB", zt_live_bytes() / 1e6, zt_cached_bytes() / 1e6);
  zt_release_cache();
  std::printf("; released: kept %.1f MB\n", zt_cached_bytes() / 1e6);
}
