// Linear layers against at::linear, medians of many calls: what a small product costs and the way to it, and long
// products forward and backward.
//
//   linear_bench [threads]
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "../abi.h"
#include "../cpu/isa.h"

extern "C" {
zt_message zt_linear(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, at::Tensor** y);
zt_message zt_linear_layer(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, at::Tensor** y);
}

namespace {

using Layer = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)>;
using Kernel = zt_message (*)(const at::Tensor*, const at::Tensor*, const at::Tensor*, at::Tensor**);

Layer ours(Kernel kernel) {
  return [kernel](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    at::Tensor* y = nullptr;
    const zt_message message = kernel(&x, &weight, &bias, &y);
    TORCH_CHECK(message == nullptr, message);
    const at::Tensor made = *y;
    delete y;
    return made;
  };
}

double median_microseconds(int calls, const std::function<void()>& body) {
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + calls / 2, times.end());
  return times[calls / 2];
}

void bench(Kernel kernel, int64_t rows, int64_t inputs, int64_t outputs, bool backward) {
  const double operations = 2.0 * rows * inputs * outputs * (backward ? 3 : 1);
  const int calls = static_cast<int>(std::clamp(1e10 / operations, 15.0, 2001.0));
  const at::AutoGradMode mode(backward);
  const at::Tensor x = at::randn({rows, inputs}).requires_grad_(backward);
  const at::Tensor weight = at::randn({outputs, inputs}).requires_grad_(backward);
  const at::Tensor bias = at::randn({outputs}).requires_grad_(backward), dy = at::randn({rows, outputs});
  const auto timed = [&](const Layer& layer) {
    return median_microseconds(calls, [&] {
      const at::Tensor y = layer(x, weight, bias);
      if (backward) torch::autograd::grad({y}, {x, weight, bias}, {dy});
    });
  };
  const Layer theirs = [](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
    return at::linear(a, b, c);
  };
  const double mine = std::min(timed(ours(kernel)), timed(ours(kernel))),
               torch = std::min(timed(theirs), timed(theirs));
  std::printf("%5ld x %4ld -> %4ld %s  ours %8.2f us, at::linear %8.2f us, ratio %5.2f, %5.1f GFLOP/s\n", long(rows),
              long(inputs), long(outputs), backward ? "and backward" : "forward", mine, torch, torch / mine,
              1e-3 * operations / mine);
}

}  // namespace

int main(int count, char** arguments) {
  at::set_num_threads(count > 1 ? std::atoi(arguments[1]) : 2);
  std::printf("%s, %d threads; the small kernel\n", zt_isa_name(), at::get_num_threads());
  for (const int64_t rows : {1, 8, 64, 100}) bench(zt_linear, rows, 128, 10, false);
  for (const int64_t rows : {1, 8}) bench(zt_linear, rows, 128, 128, false);
  std::printf("long products\n");
  const int64_t shapes[][3] = {{64, 128, 10},    {2000, 128, 11},  {2000, 256, 88},  {8000, 64, 5},
                               {512, 256, 1},    {960, 4096, 128}, {128, 9216, 128}, {1280, 1024, 64},
                               {3200, 512, 256}, {32, 512, 512},   {8, 1024, 1024}};
  for (const bool backward : {false, true})
    for (const auto& [rows, inputs, outputs] : shapes) bench(zt_linear_layer, rows, inputs, outputs, backward);
}
