// The convolution of frames against at::conv2d (oneDNN) on frames in channels-last memory, interleaved: the best of
// some rounds, which other programs on the machine disturb least. With one thread it takes the thread's own time, so
// that busy machines give useful ratios as well.
//
//   conv2d_bench [threads] [number of the only shape]
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
zt_message zt_conv2d(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, int64_t stride,
                     int64_t padding, int64_t dilation, bool relu, at::Tensor** y);
zt_message zt_conv2d_layer(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias,
                           const at::Tensor* const* norm, double eps, const at::Tensor* residual, int64_t stride,
                           int64_t padding, int64_t dilation, int activation, zt_packed* kept, at::Tensor** y);
zt_message zt_install_allocator();
}

namespace {

using at::Tensor;

struct Shape {
  const char* name;
  int64_t frames, size, in, out, kernel, stride, padding, dilation;
  bool is_first;              //  frames without a gradient
  bool is_depthwise = false;  //  each channel alone
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

void bench(const Shape& s) {
  torch::manual_seed(0);
  const auto draw = [](at::IntArrayRef size) { return at::randn(size).contiguous(at::MemoryFormat::ChannelsLast); };
  const Tensor x = draw({s.frames, s.in, s.size, s.size}).requires_grad_(!s.is_first);
  const int64_t groups = s.is_depthwise ? s.in : 1;
  const Tensor weight = (at::randn({s.out, s.in / groups, s.kernel, s.kernel}) * 0.1).requires_grad_();
  const Tensor last = weight.detach().contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  const Tensor bias = at::randn({s.out}).requires_grad_();
  zt_packed kept;  //  as a model has it: from the second inference on
  const auto forward = [&](bool mine) {
    if (!mine) return at::conv2d(x, last, bias, s.stride, s.padding, s.dilation, groups);
    Tensor* made = nullptr;
    const zt_message message = at::GradMode::is_enabled()
                                   ? zt_conv2d(&x, &weight, &bias, s.stride, s.padding, s.dilation, false, &made)
                                   : zt_conv2d_layer(&x, &weight, &bias, nullptr, 0, nullptr, s.stride, s.padding,
                                                     s.dilation, 0, &kept, &made);
    TORCH_CHECK(message == nullptr, message);
    const Tensor y = *made;
    delete made;
    return y;
  };
  const Tensor dy = at::randn_like(forward(false));
  std::vector<double> times[4];
  for (int round = 0; round < 9; ++round)
    for (const bool mine : {true, false}) {
      {
        const at::NoGradGuard no_grad;
        times[mine].push_back(milliseconds([&] { forward(mine); }));
      }
      const Tensor y = forward(mine);
      std::vector<Tensor> inputs = {mine ? weight : last, bias};
      if (!s.is_first) inputs.push_back(x);
      times[2 + mine].push_back(milliseconds([&] { torch::autograd::grad({y}, inputs, {dy}); }));
    }
  const double work = 2e-6 * double(dy.numel()) * double(s.in / groups * s.kernel * s.kernel);
  std::printf("%-24s", s.name);
  for (const int kind : {0, 2}) {
    const double other = best(times[kind]), mine = best(times[kind + 1]);
    std::printf(" | %s %8.3f ms, libtorch %8.3f, ratio %5.2f, %6.1f GFLOP/s", kind == 0 ? "forward" : "backward", mine,
                other, other / mine,
                work *
                    (kind == 0    ? 1
                     : s.is_first ? 1
                                  : 2) /
                    mine);
  }
  std::printf("\n");
}

}  // namespace

int main(int count, char** arguments) {
  at::set_num_threads(count > 1 ? std::atoi(arguments[1]) : 2);
  zt_install_allocator();
  std::printf("%s, %d threads\n", zt_isa_name(), at::get_num_threads());
  const Shape shapes[] = {
      {"C1 4>32 k8 s4 84", 64, 84, 4, 32, 8, 4, 0, 1, true},
      {"C2 32>64 k4 s2 20", 64, 20, 32, 64, 4, 2, 0, 1, false},
      {"C3 64>64 k3 9", 64, 9, 64, 64, 3, 1, 0, 1, false},
      {"stem 3>64 k7 s2 112", 8, 112, 3, 64, 7, 2, 3, 1, true},
      {"64>128 k3 s2 28", 16, 28, 64, 128, 3, 2, 1, 1, false},
      {"64>128 k1 s2 28", 16, 28, 64, 128, 1, 2, 0, 1, false},
      {"256>512 k3 s2 14", 16, 14, 256, 512, 3, 2, 1, 1, false},
      {"16>96 k1 56", 16, 56, 16, 96, 1, 1, 0, 1, false},
      {"96>24 k1 28", 16, 28, 96, 24, 1, 1, 0, 1, false},
      {"144>32 k1 28", 16, 28, 144, 32, 1, 1, 0, 1, false},
      {"64>384 k1 14", 32, 14, 64, 384, 1, 1, 0, 1, false},
      {"320>1280 k1 7", 16, 7, 320, 1280, 1, 1, 0, 1, false},
      {"32>64 k5 p2 32", 16, 32, 32, 64, 5, 1, 2, 1, false},
      {"16>32 k5 p2 28", 16, 28, 16, 32, 5, 1, 2, 1, false},
      {"3>16 k5 p2 32", 16, 32, 3, 16, 5, 1, 2, 1, true},
      {"1>8 k5 p2 28", 32, 28, 1, 8, 5, 1, 2, 1, true},
      {"8>16 k3 s2 p1 32", 16, 32, 8, 16, 3, 2, 1, 1, false},
      {"3>32 k3 s2 p1 96", 8, 96, 3, 32, 3, 2, 1, 1, true},
      {"32>32 k3 d2 p2 32", 16, 32, 32, 32, 3, 1, 2, 2, false},
      {"8>8 k3 d2 p2 32", 16, 32, 8, 8, 3, 1, 2, 2, false},
      {"3>192 k16 s16 112", 8, 112, 3, 192, 16, 16, 0, 1, true},
      {"512>512 k3 s2 7 f1", 1, 7, 512, 512, 3, 2, 1, 1, false},
      {"64>64 k2 s2 28", 16, 28, 64, 64, 2, 2, 0, 1, false},
      {"32>1 k1 32", 16, 32, 32, 1, 1, 1, 0, 1, false},
      {"64>64 k3 s1 p1 28", 16, 28, 64, 64, 3, 1, 1, 1, false},
      {"each of 32 k3 56", 16, 56, 32, 32, 3, 1, 1, 1, false, true},
      {"each of 96 k3 s2 56", 16, 56, 96, 96, 3, 2, 1, 1, false, true},
      {"each of 144 k3 28", 16, 28, 144, 144, 3, 1, 1, 1, false, true},
      {"each of 384 k3 14", 16, 14, 384, 384, 3, 1, 1, 1, false, true},
      {"each of 576 k5 4", 32, 4, 576, 576, 5, 1, 2, 1, false, true},
      {"each of 240 k5 8", 32, 8, 240, 240, 5, 1, 2, 1, false, true},
      {"each of 88 k3 12", 32, 12, 88, 88, 3, 1, 1, 1, false, true},
      {"each of 16 k7 d2 32", 32, 32, 16, 16, 7, 1, 6, 2, false, true},
      {"each of 960 k3 7", 8, 7, 960, 960, 3, 1, 1, 1, false, true},
  };
  for (int i = 0; i < int(std::size(shapes)); ++i)
    if (count <= 2 || std::atoi(arguments[2]) == i) bench(shapes[i]);
}
