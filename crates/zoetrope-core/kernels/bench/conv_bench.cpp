// The convolution kernels against libtorch's conv2d + relu + max_pool2d (channels_last, autograd), interleaved,
// medians.
//
// Build, from kernels/, with libtorch at $LIBTORCH (OBJECTS: build/kernels/cpu-conv-*.o, which `npm run test:kernels`
// leaves):
//   g++ -std=c++17 -O2 -fopenmp -I$LIBTORCH/include -I$LIBTORCH/include/torch/csrc/api/include bench/conv_bench.cpp
//     cpu/isa.cpp OBJECTS -L$LIBTORCH/lib -Wl,-rpath,$LIBTORCH/lib -ltorch_cpu -lc10
// Run: conv_bench [threads]. GFLOP/s count the direct algorithm's forward (288·ci·co a window) and the sparse
// gradients' (18·ci·co each for dx and dweight).
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "../cpu/conv/conv.h"
#include "../cpu/isa.h"

extern "C" void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                       const int*, const float*, const int*, const float*, float*, const int*);

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(const std::function<void()>& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

void sgemm_rate() {
  const int n = 2048;
  const auto a = at::randn({n, n}), b = at::randn({n, n}), c = at::empty({n, n});
  const float one = 1, none = 0;
  std::vector<double> times;
  for (int i = 0; i < 7; ++i)
    times.push_back(milliseconds([&] {
      sgemm_("N", "N", &n, &n, &n, &one, a.data_ptr<float>(), &n, b.data_ptr<float>(), &n, &none, c.data_ptr<float>(),
             &n);
    }));
  std::printf("sgemm %d^3: %.0f GFLOP/s\n", n, 2e-6 * n * n * n / median(times));
}

struct Row {
  std::vector<double> forward, weight, data, torch_forward, torch_backward;
};

void bench(int64_t frames, int64_t size, int64_t ci, int64_t co, bool first, int threads) {
  const zt_conv_shape s = {frames, size, size, ci, co};
  const auto last = at::MemoryFormat::ChannelsLast;
  auto x = at::randn({frames, ci, size, size});
  if (!first) x = x.contiguous(last);
  auto weight = at::randn({co, ci, 3, 3}) / std::sqrt(9. * ci);
  auto bias = at::randn({co}) * .1;
  const auto dy = at::randn({frames, co, size / 2, size / 2}).contiguous(last);
  auto y = at::empty_like(dy), argmax = at::empty_like(dy, at::kByte), dx = at::empty_like(x);
  auto dweight = at::empty_like(weight), dbias = at::empty_like(bias);
  const size_t floats = std::max({zt_conv_forward_workspace(&s, threads), zt_conv_backward_workspace(&s, threads),
                                  first ? zt_conv_first_forward_workspace(&s, threads) : 0,
                                  first ? zt_conv_first_backward_workspace(&s, threads) : 0});
  auto workspace = at::empty({static_cast<int64_t>(floats)});
  const auto f = [](const at::Tensor& t) { return t.data_ptr<float>(); };
  uint8_t* const index = argmax.data_ptr<uint8_t>();

  const zt_conv_output output = {f(y), index, nullptr, zt_relu, zt_max_pool};
  const auto forward = [&] {
    if (first)
      zt_conv_first_forward(&s, &output, f(x), nullptr, f(weight), f(bias), f(workspace), threads);
    else
      zt_conv_forward(&s, &output, f(x), f(weight), f(bias), nullptr, f(workspace), threads);
  };
  const auto backward = [&](bool with_dx) {
    if (first)
      zt_conv_first_backward(&s, f(x), nullptr, index, f(dy), f(dweight), f(dbias), f(workspace), threads);
    else
      zt_conv_backward(&s, f(x), f(weight), index, f(dy), with_dx ? f(dx) : nullptr, f(dweight), f(dbias), f(workspace),
                       threads);
  };
  auto leaf = x.detach().clone(first ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Preserve);
  leaf.set_requires_grad(!first);
  const auto w = weight.detach().clone(last).set_requires_grad(true), b = bias.detach().clone().set_requires_grad(true);

  Row row;
  const int rounds = frames * size * size * ci > 3000000 ? 11 : 25;
  at::Tensor out;
  for (int i = 0; i < rounds + 2; ++i) {
    const double t_forward = milliseconds(forward);
    const double t_weight = milliseconds([&] { backward(false); });
    const double t_both = first ? t_weight : milliseconds([&] { backward(true); });
    const double l_forward = milliseconds([&] { out = at::max_pool2d(at::relu(at::conv2d(leaf, w, b, 1, 1)), 2); });
    const double l_backward = milliseconds([&] { out.backward(dy); });
    if (i < 2) continue;
    row.forward.push_back(t_forward), row.weight.push_back(t_weight), row.data.push_back(t_both - t_weight);
    row.torch_forward.push_back(l_forward), row.torch_backward.push_back(l_backward);
    if (i < rounds + 1) {
      w.mutable_grad().reset(), b.mutable_grad().reset();
      if (!first) leaf.mutable_grad().reset();
    }
  }
  const auto difference = [](const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).norm() / b.norm()).item<double>();
  };
  const double windows = frames * (size / 2.) * (size / 2.) * ci * co * 1e-6;
  const double tf = median(row.forward), tw = median(row.weight), td = median(row.data);
  const double lf = median(row.torch_forward), lb = median(row.torch_backward);
  w.mutable_grad().reset(), b.mutable_grad().reset();
  out = at::max_pool2d(at::relu(at::conv2d(leaf, w, b, 1, 1)), 2);
  out.backward(dy);
  std::printf(
      "%4ld x %3ld^2 %3ld>%-3ld | forward %6.2f ms (%6.2f, %4.2fx, %3.0f GF/s) | dweight %6.2f (%3.0f GF/s) dx %6.2f "
      "(%3.0f GF/s) sum %6.2f (%6.2f, %4.2fx) | y %.1e (norm %.2g) dw %.0e\n",
      frames, size, ci, co, tf, lf, lf / tf, 72 * windows / tf, tw, 18 * windows / tw, td,
      first ? 0. : 18 * windows / td, tw + td, lb, lb / (tw + td), difference(y, out), y.norm().item<double>(),
      difference(dweight, w.grad()));
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : at::get_num_threads();
  at::set_num_threads(threads);
  at::manual_seed(0);
  std::printf("%s, %d threads; in brackets: libtorch's time, ratio\n", zt_isa_name(), threads);
  sgemm_rate();
  for (const auto& [frames, size] : std::vector<std::pair<int64_t, int64_t>>{{64, 16}, {128, 16}, {128, 32}, {64, 56}})
    bench(frames, size, 32, 64, false, threads);
  bench(128, 16, 64, 128, false, threads);
  for (const auto& [frames, size] : std::vector<std::pair<int64_t, int64_t>>{{64, 32}, {128, 64}, {64, 112}})
    bench(frames, size, 3, 32, true, threads);
}
