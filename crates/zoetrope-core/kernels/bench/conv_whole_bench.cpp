// Convolutions of 3x3 without pooling, in training: the kernels against libtorch's (channels_last), interleaved,
// medians. Milliseconds of the forward pass, of the gradient of x and of the gradient of the weight.
//
// Build and run as conv_bench.cpp.
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "../cpu/conv/conv.h"
#include "../cpu/isa.h"

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

void bench(int64_t frames, int64_t size, int64_t ci, int64_t co, bool first, int threads) {
  const zt_conv_shape s = {frames, size, size, ci, co, 1}, back = {frames, size, size, co, ci, 1};
  const auto last = at::MemoryFormat::ChannelsLast;
  const auto given = at::randn({frames, ci, size, size}), x = given.contiguous(last);
  const auto weight = at::randn({co, ci, 3, 3}) / std::sqrt(9. * ci), bias = at::randn({co}) * .1;
  const auto dy = at::randn({frames, co, size, size}).contiguous(last), none = at::zeros({ci});
  auto y = at::empty_like(dy), dx = at::empty_like(x), dweight = at::empty_like(weight), dbias = at::empty_like(bias);
  auto rotated = at::empty({ci, co, 3, 3});
  const size_t floats = std::max({zt_conv_forward_workspace(&s, threads), zt_conv_forward_workspace(&back, threads),
                                  zt_conv_weight_gradient_workspace(&s, threads),
                                  first ? zt_conv_first_forward_workspace(&s, threads) : 0,
                                  first ? zt_conv_first_weight_gradient_workspace(&s, threads) : 0});
  auto workspace = at::empty({static_cast<int64_t>(floats)});
  const auto f = [](const at::Tensor& t) { return t.data_ptr<float>(); };
  const zt_conv_output output = {f(y), nullptr, nullptr, zt_linear_activation, zt_no_pool};
  const zt_conv_output back_output = {f(dx), nullptr, nullptr, zt_linear_activation, zt_no_pool};
  const auto gradient = [&](bool of_x, bool of_weight) {
    return at::convolution_backward(dy, x, weight, {{co}}, {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1,
                                    {of_x, of_weight, of_weight});
  };
  std::vector<double> times[6];
  const int rounds = 2e10 / (18. * frames * size * size * ci * co) > 9 ? 15 : 5;
  std::tuple<at::Tensor, at::Tensor, at::Tensor> theirs;
  for (int i = 0; i < rounds; ++i) {
    times[0].push_back(milliseconds([&] {
      first ? zt_conv_first_forward(&s, &output, f(given), nullptr, f(weight), f(bias), f(workspace), threads)
            : zt_conv_forward(&s, &output, f(x), f(weight), f(bias), nullptr, f(workspace), threads);
    }));
    times[1].push_back(milliseconds([&] { at::conv2d(x, weight, bias, 1, 1); }));
    if (!first) {
      times[2].push_back(milliseconds([&] {
        zt_conv_rotate(&s, f(weight), f(rotated));
        zt_conv_forward(&back, &back_output, f(dy), f(rotated), f(none), nullptr, f(workspace), threads);
      }));
      times[3].push_back(milliseconds([&] { gradient(true, false); }));
    }
    times[4].push_back(milliseconds([&] {
      first ? zt_conv_first_weight_gradient(&s, f(given), nullptr, f(dy), f(dweight), f(dbias), f(workspace), threads)
            : zt_conv_weight_gradient(&s, f(x), f(dy), f(dweight), f(dbias), f(workspace), threads);
    }));
    times[5].push_back(milliseconds([&] { theirs = gradient(false, true); }));
  }
  const auto print = [&](const char* name, int at) {
    if (times[at].empty()) return;
    const double ours = median(times[at]), others = median(times[at + 1]);
    std::printf(" | %s %6.2f (%7.2f, %4.2fx, %3.0f GF/s)", name, ours, others, others / ours,
                18e-6 * frames * size * size * ci * co / ours);
  };
  std::printf("%4ld x %3ld^2 %3ld>%-3ld", frames, size, ci, co);
  print("y", 0), print("dx", 2), print("dw", 4);
  std::printf(" | dw %.0e\n", ((dweight - std::get<1>(theirs)).norm() / dweight.norm()).item<double>());
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : at::get_num_threads();
  at::set_num_threads(threads);
  at::manual_seed(0);
  std::printf("%s, %d threads; in brackets: libtorch's time, ratio, rate of the direct product\n", zt_isa_name(),
              threads);
  bench(128, 64, 3, 32, true, threads), bench(128, 32, 3, 32, true, threads);
  for (const auto& [frames, size, ci, co] : std::vector<std::array<int64_t, 4>>{{128, 32, 32, 64},
                                                                                {128, 16, 64, 128},
                                                                                {128, 16, 32, 64},
                                                                                {128, 16, 64, 64},
                                                                                {128, 9, 64, 64},
                                                                                {32, 28, 64, 64},
                                                                                {32, 14, 128, 128},
                                                                                {32, 7, 256, 256},
                                                                                {32, 4, 512, 512},
                                                                                {8, 4, 512, 512},
                                                                                {8, 56, 64, 64},
                                                                                {8, 14, 256, 256},
                                                                                {128, 32, 8, 16},
                                                                                {128, 32, 16, 16}})
    bench(frames, size, ci, co, false, threads);
}
