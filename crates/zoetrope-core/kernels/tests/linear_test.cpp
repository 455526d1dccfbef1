// Linear layers against a plain float64 reference, on every instruction set that the machine has.
#include "../cpu/linear/linear.h"

#include "checks.h"

namespace {

void check(bool ok, const char* what, int64_t rows, int64_t inputs, int64_t outputs) {
  if (fails(ok))
    std::printf("failed on %s: %s, %lld rows, %lld -> %lld\n", zt_isa_name(), what, (long long)rows, (long long)inputs,
                (long long)outputs);
}

// Σ_k of a(i, k) · b(k, j) + add(j), in double.
template <typename A, typename B, typename Add>
Doubles product(int64_t rows, int64_t depth, int64_t columns, A&& a, B&& b, Add&& add) {
  Doubles exact(rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double sum = add(j);
      for (int64_t k = 0; k < depth; ++k) sum += double(a(i, k)) * b(k, j);
      exact[i * columns + j] = sum;
    }
  return exact;
}

bool agrees(const Floats& values, const Doubles& exact) { return error(values, exact) <= 1e-6; }

void check_shape(int64_t rows, int64_t inputs, int64_t outputs, std::mt19937& random) {
  const Floats x = drawn(rows * inputs, random), weight = drawn(outputs * inputs, random);
  const Floats bias = drawn(outputs, random), dy = drawn(rows * outputs, random);
  const auto is = [&](bool ok, const char* what) { check(ok, what, rows, inputs, outputs); };

  const auto small = [&](const float* from, int64_t count, int) {
    Floats y(count * outputs, std::nanf(""));
    zt_linear_small(from, weight.data(), bias.data(), y.data(), count, inputs, outputs);
    return y;
  };
  const auto layer = [&](const float* from, int64_t count, int threads) {
    const zt_linear_shape shape = {count, inputs, outputs};
    const Workspace workspace(zt_linear_forward_workspace(&shape, threads));
    Floats y(count * outputs, std::nanf(""));
    zt_linear_forward(&shape, from, weight.data(), bias.data(), y.data(), workspace.at, threads);
    return y;
  };
  const auto exact = product(
      rows, inputs, outputs, [&](int64_t r, int64_t k) { return x[r * inputs + k]; },
      [&](int64_t k, int64_t o) { return weight[o * inputs + k]; }, [&](int64_t o) { return bias[o]; });
  const auto check_outputs = [&](const auto& run) {
    const Floats y = run(x.data(), rows, 1);
    is(agrees(y, exact), "outputs");
    is(y == run(x.data(), rows, 3), "outputs on three threads");
    bool alone = true;
    for (int64_t r = 0; r < rows; ++r) {
      const Floats row = run(x.data() + r * inputs, 1, 1);
      for (int64_t o = 0; o < outputs; ++o) alone &= row[o] == y[r * outputs + o];
    }
    is(alone, "a row alone is bit-equal");
  };
  check_outputs(small);
  check_outputs(layer);

  struct Gradients {
    Floats x, weight, bias;
  };
  const auto gradients = [&](int threads) {
    const zt_linear_shape shape = {rows, inputs, outputs};
    const Workspace workspace(zt_linear_backward_workspace(&shape, threads));
    Gradients made = {Floats(x.size(), std::nanf("")), Floats(weight.size(), std::nanf("")),
                      Floats(bias.size(), std::nanf(""))};
    zt_linear_backward(&shape, x.data(), weight.data(), dy.data(), made.x.data(), made.weight.data(), made.bias.data(),
                       workspace.at, threads);
    return made;
  };
  const auto nothing = [](int64_t) { return 0.0; };
  const Gradients made = gradients(1), together = gradients(3);
  is(agrees(made.x, product(
                        rows, outputs, inputs, [&](int64_t r, int64_t o) { return dy[r * outputs + o]; },
                        [&](int64_t o, int64_t k) { return weight[o * inputs + k]; }, nothing)),
     "gradient of x");
  is(agrees(made.weight, product(
                             outputs, rows, inputs, [&](int64_t o, int64_t r) { return dy[r * outputs + o]; },
                             [&](int64_t r, int64_t k) { return x[r * inputs + k]; }, nothing)),
     "gradient of the weight");
  is(agrees(made.bias, product(
                           1, rows, outputs, [](int64_t, int64_t) { return 1.0; },
                           [&](int64_t r, int64_t o) { return dy[r * outputs + o]; }, nothing)),
     "gradient of the bias");
  is(made.x == together.x && made.weight == together.weight && made.bias == together.bias,
     "gradients on three threads");
  const zt_linear_shape shape = {rows, inputs, outputs};
  const Workspace workspace(zt_linear_backward_workspace(&shape, 1));
  Floats alone(bias.size(), std::nanf(""));
  zt_linear_backward(&shape, x.data(), weight.data(), dy.data(), nullptr, nullptr, alone.data(), workspace.at, 1);
  is(alone == made.bias, "gradient of the bias alone");
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    std::mt19937 random(0);
    for (const int64_t rows : {1, 3, 4, 64, 257})
      for (const int64_t inputs : {1, 7, 16, 128, 300})
        for (const int64_t outputs : {1, 3, 10, 35, 144}) check_shape(rows, inputs, outputs, random);
  }
  return summary("linear");
}
