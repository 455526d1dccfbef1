// Parameters cut into blocks, so that threads get equal work whatever the parameters' sizes.
#pragma once

#include "optimizer.h"

// The numbers of one parameter's rule, made once an update.
struct zt_prepared {
  zt_parameter parameter;
  int64_t first_block;  //  number of the parameter's first block among all
  int32_t kind;
  bool nesterov, centered;
  float rate;                              //  step size; Adam: learning_rate / (1 - beta1^t)
  float kept;                              //  AdamW: 1 - learning_rate * weight_decay, else 1
  float coupled;                           //  weight_decay, AdamW: 0
  float momentum, mix1, beta2, mix2, eps;  //  mix = 1 - beta
  float correction;                        //  Adam: 1 / sqrt(1 - beta2^t)
  float scale, clip;
  float decay, average_mix;  //  average_mix = 1 - decay
};

// Floats in a block: its streams fit the caches, and a thread has enough to do with it.
constexpr int64_t kZtBlock = 1 << 14;
