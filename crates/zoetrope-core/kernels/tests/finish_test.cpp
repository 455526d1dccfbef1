// What follows a convolution against a plain float64 reference: every combination of norm, residual sum, activation and
// pooling, on every instruction set that the machine has.
#include "../cpu/finish/finish.h"

#include <string>

#include "checks.h"

namespace {

double worst_value = 0, worst_gradient = 0;
std::mt19937 generator(7);

enum class Norm { none, constant, of_batch };

struct Problem {
  zt_finish_shape s;
  Norm norm;
  bool has_residual;
  int64_t pixels, side, rows, cols;
  Floats x, residual, dy, weight, bias, mean, inverse, scale, shift;

  Problem(const zt_finish_shape& shape, Norm norm, bool has_residual)
      : s(shape), norm(norm), has_residual(has_residual), pixels(s.frames * s.height * s.width) {
    side = s.pool == zt_no_pool ? 1 : 2, rows = s.height / side, cols = s.width / side;
    x = draw(pixels * s.channels), residual = draw(pixels * s.channels), dy = draw(s.frames * rows * cols * s.channels);
    for (size_t i = 0; i < x.size(); ++i) x[i] += 3.f * (i % s.channels % 3);  //  channels with a mean
    weight = draw(s.channels), bias = draw(s.channels), mean = draw(s.channels), inverse = draw(s.channels);
    for (float& value : inverse) value = std::fabs(value) + 0.5f;
  }

  static Floats draw(int64_t count) { return drawn(count, generator); }

  // Scale and shift, after mean and inverse deviation are known.
  void affine() {
    scale.resize(s.channels), shift.resize(s.channels);
    for (int64_t c = 0; c < s.channels; ++c) {
      scale[c] = weight[c] * inverse[c];
      shift[c] = bias[c] - mean[c] * scale[c];
    }
  }

  std::string name(int threads) const {
    return std::string(zt_isa_name()) + " finish " + std::to_string(s.frames) + " x " + std::to_string(s.height) +
           " x " + std::to_string(s.width) + " x " + std::to_string(s.channels) + ", activation " +
           std::to_string(s.activation) + ", pooling " + std::to_string(s.pool) + ", norm " +
           std::to_string(static_cast<int>(norm)) + (has_residual ? ", sum" : "") + ", threads " +
           std::to_string(threads);
  }
};

void check(bool ok, const std::string& what) {
  if (fails(ok)) std::printf("FAILED %s\n", what.c_str());
}

void within(const Floats& actual, const Doubles& expected, double bound, double& worst, const std::string& what) {
  const double gap = error(actual, expected);
  worst = std::fmax(worst, gap);
  check(gap <= bound, what + ": error " + std::to_string(gap * 1e6) + "e-6");
}

double activate(double x, zt_conv_activation activation) {
  if (activation == zt_relu) return std::fmax(0, x);
  if (activation == zt_gelu) return x / 2 * std::erfc(-x / std::sqrt(2.0));
  if (activation == zt_relu6) return std::fmin(6, std::fmax(0, x));
  if (activation == zt_hardswish) return x * std::fmin(6, std::fmax(0, x + 3)) / 6;
  return activation == zt_silu ? x / (1 + std::exp(-x)) : x;
}

double derivative(double x, zt_conv_activation activation) {
  if (activation == zt_relu) return x > 0;
  if (activation == zt_gelu)
    return std::erfc(-x / std::sqrt(2.0)) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * 3.14159265358979323846);
  if (activation == zt_relu6) return x > 0 && x < 6;
  if (activation == zt_hardswish) return x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5;
  const double share = 1 / (1 + std::exp(-x));
  return activation == zt_silu ? share * (1 + x * (1 - share)) : 1;
}

struct Results {
  Floats y, dx, dresidual, dweight, dbias;
  bool operator==(const Results& other) const {
    return y == other.y && dx == other.dx && dresidual == other.dresidual && dweight == other.dweight &&
           dbias == other.dbias;
  }
};

Results run(const Problem& p, int threads) {
  const zt_finish_norm norm = {p.scale.data(), p.shift.data(), p.norm == Norm::of_batch ? p.mean.data() : nullptr,
                               p.norm == Norm::of_batch ? p.inverse.data() : nullptr};
  const zt_finish_norm* const given = p.norm == Norm::none ? nullptr : &norm;
  const float* const residual = p.has_residual ? p.residual.data() : nullptr;
  Results r{Floats(p.dy.size()), Floats(p.x.size()), Floats(p.has_residual ? p.x.size() : 0), Floats(p.s.channels),
            Floats(p.s.channels)};
  zt_finish_forward(&p.s, given, p.x.data(), residual, r.y.data(), threads);
  const Workspace workspace(zt_finish_backward_workspace(&p.s, threads));
  const zt_finish_gradients gradients = {r.dx.data(), p.has_residual ? r.dresidual.data() : nullptr, r.dweight.data(),
                                         r.dbias.data()};
  zt_finish_backward(&p.s, given, p.x.data(), residual, p.dy.data(), &gradients, workspace.at, threads);
  return r;
}

void statistics(Problem& p, int threads) {
  Doubles mean(p.s.channels), variance(p.s.channels);
  for (size_t i = 0; i < p.x.size(); ++i) mean[i % p.s.channels] += p.x[i] / double(p.pixels);
  for (size_t i = 0; i < p.x.size(); ++i)
    variance[i % p.s.channels] += std::pow(p.x[i] - mean[i % p.s.channels], 2) / double(p.pixels);
  const Workspace workspace(zt_finish_statistics_workspace(&p.s, threads));
  Floats actual(p.s.channels);
  zt_finish_statistics(&p.s, p.x.data(), p.mean.data(), actual.data(), workspace.at, threads);
  within(p.mean, mean, 3e-7, worst_value, p.name(threads) + ", mean");
  within(actual, variance, 3e-7, worst_value, p.name(threads) + ", variance");
  for (int64_t c = 0; c < p.s.channels; ++c) p.inverse[c] = static_cast<float>(1 / std::sqrt(variance[c] + 1e-5));
}

void finishes(const zt_finish_shape& shape, Norm norm, bool has_residual, int threads) {
  Problem p(shape, norm, has_residual);
  if (norm == Norm::of_batch) statistics(p, threads);
  p.affine();
  const Results r = run(p, threads);
  const int64_t channels = p.s.channels;
  const auto before = [&](int64_t at) {  //  the value before the activation
    const int64_t c = at % channels;
    double value = p.x[at];
    if (norm != Norm::none) value = (value - p.mean[c]) * p.inverse[c] * p.weight[c] + p.bias[c];
    return has_residual ? value + p.residual[at] : value;
  };
  Doubles y(p.dy.size()), g(p.x.size());
  for (int64_t out = 0; out < int64_t(y.size()); ++out) {
    const int64_t c = out % channels, col = out / channels % p.cols, row = out / channels / p.cols;
    const int64_t frame = row / p.rows, top = row % p.rows * p.side;
    double best = -HUGE_VAL, sum = 0;
    int64_t winner = 0;
    for (int64_t k = 0; k < p.side * p.side; ++k) {
      const int64_t pixel = (frame * p.s.height + top + k / p.side) * p.s.width + col * p.side + k % p.side;
      const int64_t at = pixel * channels + c;
      const double value = activate(before(at), p.s.activation);
      sum += value;
      if (value > best) best = value, winner = at;
      if (p.s.pool == zt_average_pool) g[at] = p.dy[out] / 4 * derivative(before(at), p.s.activation);
    }
    if (p.s.pool != zt_average_pool) g[winner] = p.dy[out] * derivative(before(winner), p.s.activation);
    y[out] = p.s.pool == zt_average_pool ? sum / 4 : best;
  }
  within(r.y, y, 1e-6, worst_value, p.name(threads) + ", y");
  if (has_residual) within(r.dresidual, g, 1e-5, worst_gradient, p.name(threads) + ", dresidual");
  Doubles dx = g, sums(channels), products(channels);
  const auto normalised = [&](size_t at) { return (p.x[at] - p.mean[at % channels]) * p.inverse[at % channels]; };
  for (size_t at = 0; at < g.size(); ++at)
    sums[at % channels] += g[at], products[at % channels] += g[at] * normalised(at);
  for (size_t at = 0; norm != Norm::none && at < g.size(); ++at) {
    const int64_t c = at % channels;
    if (norm == Norm::of_batch) dx[at] -= (sums[c] + normalised(at) * products[c]) / double(p.pixels);
    dx[at] *= p.weight[c] * p.inverse[c];
  }
  within(r.dx, dx, 1e-5, worst_gradient, p.name(threads) + ", dx");
  if (norm == Norm::of_batch) {
    within(r.dweight, products, 1e-5, worst_gradient, p.name(threads) + ", dweight");
    within(r.dbias, sums, 1e-5, worst_gradient, p.name(threads) + ", dbias");
  }
  check(r == run(p, threads), p.name(threads) + ": two runs are bit-equal");
}

// A NaN in a window makes y NaN, whichever pixel it is; the first of equals has the gradient.
void windows() {
  for (const zt_conv_activation activation : {zt_linear_activation, zt_relu, zt_gelu, zt_silu, zt_relu6, zt_hardswish})
    for (int64_t k = 0; k < 4; ++k) {
      Problem p({1, 2, 2, 20, activation, zt_max_pool}, Norm::none, false);
      std::fill(p.x.begin(), p.x.end(), 1.5f);
      Results r = run(p, 1);
      check(r.dx[0] != 0 && std::all_of(r.dx.begin() + 20, r.dx.end(), [](float v) { return v == 0; }),
            p.name(1) + ": the first of equals");
      p.x[k * 20 + 3] = std::nanf("");
      r = run(p, 1);
      check(std::isnan(r.y[3]) && !std::isnan(r.y[2]), p.name(1) + ": NaN");
    }
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (!zt_isa_set(isa)) continue;
    for (const zt_conv_activation activation :
         {zt_linear_activation, zt_relu, zt_gelu, zt_silu, zt_relu6, zt_hardswish})
      for (const zt_conv_pool pool : {zt_no_pool, zt_max_pool, zt_average_pool})
        for (const Norm norm : {Norm::none, Norm::constant, Norm::of_batch})
          for (const bool has_residual : {false, true})
            for (const int threads : {1, 2, 3}) {
              finishes({3, 8, 6, 32, activation, pool}, norm, has_residual, threads);
              finishes({2, 5, 7, 19, activation, pool}, norm, has_residual, threads);
              finishes({1, 2, 150, 3, activation, pool}, norm, has_residual, threads);
              if (pool == zt_no_pool) finishes({70, 1, 1, 40, activation, pool}, norm, has_residual, threads);
            }
    finishes({1, 64, 64, 5, zt_relu, zt_max_pool}, Norm::of_batch, false, 2);
    windows();
    std::printf("%s: largest error of values %.1e, of gradients %.1e\n", zt_isa_name(), worst_value, worst_gradient);
  }
  return summary("finish");
}
