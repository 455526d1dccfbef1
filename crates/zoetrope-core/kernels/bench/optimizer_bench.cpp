// The optimizer's kernels against libtorch's fused ones and against the machine's memory: the best of many rounds.
//
//   optimizer_bench [threads] [values in millions]
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>
#include <omp.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <vector>

#include "../cpu/isa.h"
#include "../cpu/optimizer/optimizer.h"

namespace {

double best(const std::function<void()>& body) {
  double least = 1e9;
  for (int round = 0; round < 15; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return least;
}

void report(const char* what, double seconds, double bytes) {
  std::printf("%-28s %7.2f ms  %6.2f GB/s\n", what, seconds * 1e3, bytes / seconds / 1e9);
}

// Reads four arrays and writes three of them, as Adam does, with nothing to compute.
void copy_like_adam(float* w, const float* g, float* m, float* v, int64_t count) {
#pragma omp parallel for simd schedule(static)
  for (int64_t i = 0; i < count; ++i) {
    w[i] += g[i];
    m[i] += g[i];
    v[i] += g[i];
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2;
  const int64_t count = int64_t((argc > 2 ? std::atof(argv[2]) : 26.0) * 1e6);
  at::set_num_threads(threads);
  omp_set_num_threads(threads);
  const at::NoGradGuard no_grad;
  at::Tensor w = at::randn({count}), g = at::randn({count}).mul_(1e-3), m = at::zeros({count}), v = at::zeros({count});
  const at::Tensor step = at::ones({});
  const double infinity = std::numeric_limits<double>::infinity(), values = double(count) * 4;
  const zt_rule adam = {zt_rule_adam, false, false, 1e-9, 0, 0, 0.9, 0.999, 1e-8};
  const zt_rule sgd = {zt_rule_sgd, false, false, 1e-9, 0, 0.9, 0, 0, 0};
  const auto parameter = [&](const zt_rule& rule) {
    return zt_parameter{w.data_ptr<float>(),
                        g.data_ptr<float>(),
                        m.data_ptr<float>(),
                        v.data_ptr<float>(),
                        nullptr,
                        nullptr,
                        count,
                        1,
                        0,
                        &rule};
  };
  std::printf("%s, %d threads, %.1f million values\n", zt_isa_name(), threads, double(count) / 1e6);
  report("4 reads, 3 writes, no work", best([&] {
           copy_like_adam(w.data_ptr<float>(), g.data_ptr<float>(), m.data_ptr<float>(), v.data_ptr<float>(), count);
         }),
         7 * values);
  v.abs_();
  const zt_parameter one = parameter(adam), two = parameter(sgd);
  report("Adam", best([&] { zt_cpu_update(&one, 1, 1, infinity, threads); }), 7 * values);
  report("Adam, libtorch fused",
         best([&] { at::_fused_adam_({w}, {g}, {m}, {v}, {}, {step}, 1e-9, 0.9, 0.999, 0, 1e-8, false, false); }),
         7 * values);
  report("SGD with momentum", best([&] { zt_cpu_update(&two, 1, 1, infinity, threads); }), 5 * values);
  report("SGD, libtorch fused", best([&] { at::_fused_sgd_({w}, {g}, {m}, 0, 0.9, 1e-9, 0, false, false, false); }),
         5 * values);
  double norm = 0;
  report("norm of the gradients", best([&] { norm = zt_cpu_gradient_norm(&one, 1, threads); }), values);
  report("norm, libtorch", best([&] { norm += g.norm().item<double>(); }), values);
  return norm > 0 ? 0 : 1;
}
