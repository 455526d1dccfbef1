// The linear layer against a plain float64 reference, on every instruction set that the machine has.
#include "../cpu/linear/linear.h"

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "../cpu/isa.h"

namespace {

using Floats = std::vector<float>;

int passed = 0, failed = 0;

void check(bool ok, const char* what, int64_t rows, int64_t inputs, int64_t outputs) {
  (ok ? passed : failed)++;
  if (!ok)
    std::printf("failed on %s: %s, %lld rows, %lld -> %lld\n", zt_isa_name(), what, (long long)rows, (long long)inputs,
                (long long)outputs);
}

void check_shape(int64_t rows, int64_t inputs, int64_t outputs, std::mt19937& random) {
  std::normal_distribution<float> normal;
  const auto drawn = [&](int64_t count) {
    Floats values(count);
    for (float& value : values) value = normal(random);
    return values;
  };
  const Floats x = drawn(rows * inputs), weight = drawn(outputs * inputs), bias = drawn(outputs);
  const auto run = [&](const float* from, int64_t count) {
    Floats y(count * outputs, std::nanf(""));
    zt_linear_forward(from, weight.data(), bias.data(), y.data(), count, inputs, outputs);
    return y;
  };
  const Floats y = run(x.data(), rows);
  double error = 0, norm = 0;
  bool alone = true;
  for (int64_t r = 0; r < rows; ++r) {
    const Floats row = run(x.data() + r * inputs, 1);
    for (int64_t o = 0; o < outputs; ++o) {
      double exact = bias[o];
      for (int64_t k = 0; k < inputs; ++k) exact += double(x[r * inputs + k]) * weight[o * inputs + k];
      error += std::pow(y[r * outputs + o] - exact, 2), norm += exact * exact;
      alone &= row[o] == y[r * outputs + o];
    }
  }
  check(error <= 1e-12 * norm, "outputs", rows, inputs, outputs);
  check(alone, "a row alone is bit-equal", rows, inputs, outputs);
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    std::mt19937 random(0);
    for (const int64_t rows : {1, 3, 4, 64, 257})
      for (const int64_t inputs : {1, 7, 16, 128, 133})
        for (const int64_t outputs : {1, 3, 10, 35}) check_shape(rows, inputs, outputs, random);
  }
  std::printf("linear: %d checks passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
