// A batch norm by its running statistics, folded into the weights of the convolution before it.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <vector>

// A batch norm by its running statistics. `count` changes whenever training changes the statistics, whose own versions
// libtorch does not count.
struct zt_norm {
  const at::Tensor *weight, *bias, *mean, *var, *count;
  double eps;
};

// A convolution with its norm. Bias and norm may be null.
struct zt_folded {
  const at::Tensor &weight, *bias;
  const zt_norm* norm;

  // The factor of each output channel by which the norm multiplies.
  at::Tensor factor() const { return *norm->weight / (*norm->var + norm->eps).sqrt(); }
  // Weights and bias of the convolution that is the same as this one with its norm.
  at::Tensor folded_weight() const { return norm == nullptr ? weight : weight * factor().view({-1, 1, 1, 1}); }
  at::Tensor folded_bias() const {
    if (norm == nullptr) return bias != nullptr ? *bias : at::zeros({weight.size(0)}, at::kFloat);
    return (bias != nullptr ? *bias - *norm->mean : -*norm->mean) * factor() + *norm->bias;
  }
  // What the folded weights are made of.
  std::vector<at::Tensor> sources() const {
    if (norm == nullptr) return {weight};
    return {weight, *norm->weight, *norm->var, *norm->count};
  }
};
