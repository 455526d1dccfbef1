// The recurrent layers' kernels against at::lstm (oneDNN) and at::gru, inference and a whole step with autograd,
// interleaved: the best of some rounds, which other programs on the machine disturb least. With one thread it takes the
// thread's own time, so that busy machines give useful ratios as well.
//
//   recurrent_bench [threads] [allocator: 0 or 1] [number of the only shape]
#include <ATen/Parallel.h>
#include <time.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "../abi.h"
#include "../cpu/isa.h"
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

struct Shape {
  bool is_gru;
  int64_t batch, time, features, hidden, directions;
};

double now() {
  timespec at;
  clock_gettime(at::get_num_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &at);
  return 1e3 * at.tv_sec + 1e-6 * at.tv_nsec;
}

double milliseconds(const std::function<void()>& body) {
  const double begin = now();
  body();
  return now() - begin;
}

double best(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

// x is [batch, time, features].
Tensor ours(const Shape& s, const Tensor& x, const Tensors& w, zt_packed* kept) {
  Tensor* y = nullptr;
  const Tensor frames = x.flatten(0, 1);
  std::vector<const Tensor*> weights;
  for (const Tensor& weight : w) weights.push_back(&weight);
  zt_packed* const each[] = {kept, kept + 1};
  const zt_message message = zt_recurrent_layer(s.is_gru ? 1 : 0, &frames, 1, weights.data(), s.directions, nullptr,
                                                s.time, false, kept != nullptr ? each : nullptr, &y);
  TORCH_CHECK(message == nullptr, message);
  Tensor out = *y;
  delete y;
  return out.view({s.batch, s.time, -1});
}

Tensor theirs(const Shape& s, const Tensor& x, const Tensors& w) {
  const Tensor zeros = at::zeros({s.directions, s.batch, s.hidden}, x.options());
  const bool train = at::GradMode::is_enabled(), both = s.directions == 2;
  if (s.is_gru) return std::get<0>(at::gru(x, zeros, w, true, 1, 0.0, train, both, true));
  return std::get<0>(at::lstm(x, {zeros, zeros}, w, true, 1, 0.0, train, both, true));
}

void bench(const Shape& s) {
  torch::manual_seed(0);
  const double bound = 1 / std::sqrt(double(s.hidden));
  const int64_t gates = (s.is_gru ? 3 : 4) * s.hidden;
  Tensors w;
  for (int64_t i = 0; i < s.directions; ++i)
    for (const auto& size : std::vector<std::vector<int64_t>>{{gates, s.features}, {gates, s.hidden}, {gates}, {gates}})
      w.push_back(at::empty(size).uniform_(-bound, bound).requires_grad_());
  const Tensor x = (at::randn({s.batch, s.time, s.features}) * 0.1).requires_grad_();
  const auto step = [&](bool mine) {
    Tensors inputs = {x};
    inputs.insert(inputs.end(), w.begin(), w.end());
    const Tensor y = mine ? ours(s, x, w, nullptr) : theirs(s, x, w);
    torch::autograd::grad({y.square().sum()}, inputs);
  };
  zt_packed kept[2];  //  as a model has it: from the second inference on
  std::vector<double> times[4];
  for (int round = 0; round < 5; ++round) {
    for (const bool mine : {true, false}) {
      {
        const at::NoGradGuard no_grad;
        times[mine].push_back(milliseconds([&] { mine ? ours(s, x, w, kept) : theirs(s, x, w); }));
      }
      times[2 + mine].push_back(milliseconds([&] { step(mine); }));
    }
  }
  std::printf("%s %3ld x %3ld x %5ld, hidden %ld, %ld directions\n", s.is_gru ? "GRU " : "LSTM", long(s.batch),
              long(s.time), long(s.features), long(s.hidden), long(s.directions));
  const double work = 2.0 * s.batch * gates * s.directions * (s.time * s.features + (s.time - 1) * s.hidden);
  for (const int kind : {0, 2}) {
    const double other = best(times[kind]), mine = best(times[kind + 1]);
    std::printf("    %-18s ours %8.3f ms, libtorch %8.3f ms, ratio %5.2f, %5.1f GFLOP/s\n",
                kind == 0 ? "inference" : "forward + backward", mine, other, other / mine,
                work * (kind == 0 ? 1 : 3) / mine / 1e6);
  }
}

}  // namespace

int main(int count, char** arguments) {
  at::set_num_threads(count > 1 ? std::atoi(arguments[1]) : 2);
  const bool caches = count > 2 && std::atoi(arguments[2]) != 0;
  if (caches) zt_install_allocator();
  std::printf("%s, %d threads, caching allocator %s; ours / libtorch\n", zt_isa_name(), at::get_num_threads(),
              caches ? "on" : "off");
  const Tensor a = at::rand({1024, 1024}), b = at::rand({1024, 1024});
  std::vector<double> sgemm;
  for (int i = 0; i < 9; ++i) sgemm.push_back(milliseconds([&] { at::mm(a, b); }));
  std::printf("sgemm %.1f GFLOP/s\n", 2.0 * 1024 * 1024 * 1024 / best(sgemm) / 1e6);
  const Shape shapes[] = {
      {false, 64, 1, 4096, 128, 1}, {false, 8, 16, 4096, 128, 1},  {false, 64, 128, 64, 128, 1},
      {false, 32, 100, 40, 256, 2}, {false, 32, 100, 512, 256, 2}, {true, 32, 100, 40, 128, 1},
      {false, 64, 50, 512, 512, 1}, {false, 1, 50, 512, 512, 1},   {false, 32, 100, 64, 200, 1},
      {false, 32, 100, 64, 100, 1}, {false, 64, 100, 64, 48, 1},   {true, 32, 100, 64, 200, 1},
      {false, 8, 200, 64, 256, 1},  {false, 16, 200, 64, 256, 1},  {false, 8, 200, 64, 384, 1},
      {false, 16, 200, 64, 384, 1},
  };
  for (int i = 0; i < int(std::size(shapes)); ++i)
    if (count <= 3 || std::atoi(arguments[3]) == i) bench(shapes[i]);
  std::printf("live %.1f MB, kept %.1f MB", zt_live_bytes() / 1e6, zt_cached_bytes() / 1e6);
  zt_release_cache();
  std::printf("; released: kept %.1f MB\n", zt_cached_bytes() / 1e6);
}
