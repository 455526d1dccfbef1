// The optimizer's kernels against a plain float64 reference, on every instruction set that this machine has.
#include "../cpu/optimizer/optimizer.h"

#include <omp.h>

#include <limits>

#include "checks.h"

namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();
double worst = 0;

void check(bool ok, const char* what) {
  if (fails(ok)) std::printf("failed: %s, %s\n", zt_isa_name(), what);
}

// A parameter with its state: as the kernel holds it and, in double, as the reference does.
struct Parameter {
  Floats w, g, first, second, third, average;
  Doubles rw, rfirst, rsecond, rthird, raverage;
  double step = 0;

  Parameter(int64_t count, std::mt19937& random) {
    std::normal_distribution<float> normal;
    w.resize(count), g.resize(count);
    for (float& v : w) v = normal(random);
    rw.assign(w.begin(), w.end());
    for (Floats* state : {&first, &second, &third}) state->assign(count, 0);
    for (Doubles* state : {&rfirst, &rsecond, &rthird}) state->assign(count, 0);
    average = w;
    raverage = rw;
  }

  void draw_gradient(std::mt19937& random) {
    std::normal_distribution<float> normal;
    for (float& v : g) v = normal(random);
  }

  zt_parameter view(const zt_rule& rule, double decay) {
    return {w.data(),       g.data(),          first.data(), second.data(), third.data(),
            average.data(), int64_t(w.size()), step,         decay,         &rule};
  }

  void reference(const zt_rule& r, double scale, double clip, double decay) {
    const bool is_adam = r.kind == zt_rule_adam || r.kind == zt_rule_adamw;
    for (size_t i = 0; i < rw.size(); ++i) {
      double& w = rw[i];
      double gradient = std::clamp(double(g[i]) * scale, -clip, clip);
      if (r.kind == zt_rule_adamw) {
        w -= r.learning_rate * r.weight_decay * w;
      } else {
        gradient += r.weight_decay * w;
      }
      double direction = gradient;
      if (is_adam) {
        rfirst[i] = r.beta1 * rfirst[i] + (1 - r.beta1) * gradient;
        rsecond[i] = r.beta2 * rsecond[i] + (1 - r.beta2) * gradient * gradient;
        const double m = rfirst[i] / (1 - std::pow(r.beta1, step)), v = rsecond[i] / (1 - std::pow(r.beta2, step));
        direction = m / (std::sqrt(v) + r.eps);
      } else if (r.kind == zt_rule_rmsprop) {
        rsecond[i] = r.beta2 * rsecond[i] + (1 - r.beta2) * gradient * gradient;
        rthird[i] = r.beta2 * rthird[i] + (1 - r.beta2) * gradient;
        direction = gradient / (std::sqrt(rsecond[i] - (r.centered ? rthird[i] * rthird[i] : 0)) + r.eps);
      }
      if (!is_adam && r.momentum != 0) {
        rfirst[i] = r.momentum * rfirst[i] + direction;
        direction = r.kind == zt_rule_sgd && r.nesterov ? direction + r.momentum * rfirst[i] : rfirst[i];
      }
      w -= r.learning_rate * direction;
      raverage[i] = decay * raverage[i] + (1 - decay) * w;
    }
  }
};

const std::vector<int64_t> kSizes = {1, 3, 4, 17, 1023, 16384, 16385, 50001};

std::vector<Parameter> parameters(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Parameter> all;
  for (const int64_t size : kSizes) all.emplace_back(size, random);
  return all;
}

// Six steps of two rules, dealt to the parameters in turn.
std::vector<Parameter> run(const zt_rule& one, const zt_rule& two, double scale, double clip, double decay,
                           int threads) {
  std::vector<Parameter> all = parameters(7);
  std::mt19937 random(8);
  for (int step = 1; step <= 6; ++step) {
    std::vector<zt_parameter> views;
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].draw_gradient(random);
      all[i].step = step;
      all[i].reference(i % 2 ? two : one, scale, clip, step == 1 ? 0 : decay);
      views.push_back(all[i].view(i % 2 ? two : one, step == 1 ? 0 : decay));
    }
    zt_cpu_update(views.data(), views.size(), scale, clip, threads);
  }
  return all;
}

void check_rules() {
  const zt_rule rules[] = {
      {zt_rule_sgd, false, false, 0.1, 0.0, 0.0, 0, 0, 0},
      {zt_rule_sgd, false, false, 0.1, 0.01, 0.9, 0, 0, 0},
      {zt_rule_sgd, true, false, 0.05, 0.01, 0.9, 0, 0, 0},
      {zt_rule_adam, false, false, 1e-2, 0.0, 0, 0.9, 0.999, 1e-8},
      {zt_rule_adam, false, false, 1e-2, 0.05, 0, 0.3, 0.99, 1e-6},
      {zt_rule_adamw, false, false, 1e-2, 0.05, 0, 0.9, 0.999, 1e-8},
      {zt_rule_rmsprop, false, false, 1e-2, 0.0, 0.0, 0, 0.99, 1e-8},
      {zt_rule_rmsprop, false, false, 1e-2, 0.02, 0.9, 0, 0.9, 1e-6},
      {zt_rule_rmsprop, false, true, 1e-2, 0.0, 0.0, 0, 0.9, 1e-2},
      {zt_rule_rmsprop, false, true, 1e-2, 0.01, 0.5, 0, 0.95, 1e-2},
  };
  constexpr size_t count = sizeof rules / sizeof rules[0];
  for (size_t k = 0; k < count; ++k) {
    for (const double clip : {kNone, 0.4}) {
      const zt_rule &one = rules[k], &two = rules[(k + 1) % count];
      const std::vector<Parameter> serial = run(one, two, 0.7, clip, 0.9, 1),
                                   parallel = run(one, two, 0.7, clip, 0.9, 3);
      for (size_t i = 0; i < serial.size(); ++i) {
        const double now = std::max(error(serial[i].w, serial[i].rw), error(serial[i].average, serial[i].raverage));
        worst = std::max(worst, now);
        check(now <= 2e-6, "values of a rule");
        check(serial[i].w == parallel[i].w && serial[i].average == parallel[i].average, "same bits with three threads");
      }
    }
  }
}

void check_norm() {
  std::mt19937 random(10);
  std::vector<Parameter> all = parameters(9);
  const zt_rule rule = {};
  std::vector<zt_parameter> views;
  double exact = 0;
  for (Parameter& p : all) {
    p.draw_gradient(random);
    for (const float v : p.g) exact += double(v) * v;
    views.push_back(p.view(rule, 0));
  }
  check(std::abs(zt_cpu_gradient_norm(views.data(), views.size(), 2) / std::sqrt(exact) - 1) < 1e-6, "plain norm");
  views.clear();
  exact = 0;
  for (Parameter& p : all) {
    for (float& v : p.g) v = 0.3f;
    p.g.back() = 1e25f;  //  its square is beyond float32
    for (const float v : p.g) exact += double(v) * v;
    views.push_back(p.view(rule, 0));
  }
  const double norm = zt_cpu_gradient_norm(views.data(), views.size(), 1);
  check(std::abs(norm / std::sqrt(exact) - 1) < 1e-6, "norm");
  check(norm == zt_cpu_gradient_norm(views.data(), views.size(), 3), "same norm with three threads");
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    all[3].g[16] = bad;
    check(!std::isfinite(zt_cpu_gradient_norm(views.data(), views.size(), 2)), "a bad value shows in the norm");
  }
  check(zt_cpu_gradient_norm(nullptr, 0, 2) == 0, "norm of nothing");
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (!zt_isa_set(isa)) continue;
    check_rules();
    check_norm();
  }
  std::printf("optimizer: %d checks passed, %d failed; largest relative error %.1e\n", passed, failed, worst);
  return failed == 0 ? 0 : 1;
}
