// The linear layer against at::linear, medians of many calls: what a small product costs, and the way to it.
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

extern "C" zt_message zt_linear(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, at::Tensor** y);

namespace {

double median_microseconds(const std::function<void()>& body) {
  std::vector<double> times;
  for (int i = 0; i < 2001; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + 1000, times.end());
  return times[1000];
}

void bench(int64_t rows, int64_t inputs, int64_t outputs) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::randn({rows, inputs}), weight = at::randn({outputs, inputs}), bias = at::randn({outputs});
  const double ours = median_microseconds([&] {
    at::Tensor* y = nullptr;
    const zt_message message = zt_linear(&x, &weight, &bias, &y);
    TORCH_CHECK(message == nullptr, message);
    delete y;
  });
  const double theirs = median_microseconds([&] { at::linear(x, weight, bias); });
  std::printf("%5ld x %3ld -> %3ld  ours %7.2f us, at::linear %7.2f us, ratio %5.2f, %5.1f GFLOP/s\n", long(rows),
              long(inputs), long(outputs), ours, theirs, theirs / ours, 2e-3 * rows * inputs * outputs / ours);
}

}  // namespace

int main(int count, char** arguments) {
  at::set_num_threads(count > 1 ? std::atoi(arguments[1]) : 2);
  std::printf("%s, %d threads; ours / at::linear\n", zt_isa_name(), at::get_num_threads());
  for (const int64_t rows : {1, 8, 64, 100}) bench(rows, 128, 10);
  for (const int64_t rows : {1, 8}) bench(rows, 128, 128);
}
