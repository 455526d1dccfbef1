// The optimizer's C entry points: the numbers of each rule, then the kernel of the chosen instruction set.
#include "optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../isa.h"
#include "blocks.h"

ZT_KERNEL(void, update_blocks, (const zt_prepared* parameters, size_t count, int64_t blocks, int threads))
ZT_KERNEL(void, square_blocks, (const zt_prepared* parameters, size_t count, int64_t blocks, double* sums, int threads))

namespace {

struct Plan {
  std::vector<zt_prepared> parameters;
  int64_t blocks = 0;

  Plan(const zt_parameter* given, size_t count) {
    parameters.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      zt_prepared prepared = {};
      prepared.parameter = given[i];
      prepared.first_block = blocks;
      parameters.push_back(prepared);
      blocks += (given[i].count + kZtBlock - 1) / kZtBlock;
    }
  }

  int threads(int available) const { return int(std::clamp<int64_t>(blocks, 1, std::max(available, 1))); }
};

void prepare(zt_prepared& p, double scale, double clip) {
  const zt_rule& rule = *p.parameter.rule;
  const bool is_adam = rule.kind == zt_rule_adam || rule.kind == zt_rule_adamw;
  const bool is_decoupled = rule.kind == zt_rule_adamw;
  p.kind = rule.kind;
  p.nesterov = rule.nesterov;
  p.centered = rule.centered;
  p.rate = float(is_adam ? rule.learning_rate / (1 - std::pow(rule.beta1, p.parameter.step)) : rule.learning_rate);
  p.kept = float(is_decoupled ? 1 - rule.learning_rate * rule.weight_decay : 1);
  p.coupled = float(is_decoupled ? 0 : rule.weight_decay);
  p.momentum = float(rule.momentum);
  p.mix1 = float(1 - rule.beta1);
  p.beta2 = float(rule.beta2);
  p.mix2 = float(1 - rule.beta2);
  p.eps = float(rule.eps);
  p.correction = float(is_adam ? 1 / std::sqrt(1 - std::pow(rule.beta2, p.parameter.step)) : 1);
  p.scale = float(scale);
  p.clip = float(clip);
  p.decay = float(p.parameter.decay);
  p.average_mix = float(1 - p.parameter.decay);
}

}  // namespace

extern "C" {

void zt_cpu_update(const zt_parameter* parameters, size_t count, double scale, double clip, int threads) {
  Plan plan(parameters, count);
  for (zt_prepared& p : plan.parameters) prepare(p, scale, clip);
  ZT_CALL(update_blocks, (plan.parameters.data(), count, plan.blocks, plan.threads(threads)));
}

double zt_cpu_gradient_norm(const zt_parameter* parameters, size_t count, int threads) {
  const Plan plan(parameters, count);
  std::vector<double> sums(plan.blocks);
  ZT_CALL(square_blocks, (plan.parameters.data(), count, plan.blocks, sums.data(), plan.threads(threads)));
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}
}
