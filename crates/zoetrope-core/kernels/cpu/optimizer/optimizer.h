// Updates of parameters by their gradients on the CPU, and the norm of gradients.
//
// Kernels take float32 and plain pointers. Every rule reads each parameter, its gradient and its state once, and writes
// them once. The same pass clips, decays the weights and updates their running average. Results are bit-equal for any
// number of threads (with the same instruction set).
//
// g is the gradient, w the parameter, t the number of this update from 1; rules as in torch.optim:
//
//   all but AdamW   g += weight_decay * w                  AdamW: w -= learning_rate * weight_decay * w
//   SGD             b = momentum * b + g;  w -= learning_rate * (nesterov ? g + momentum * b : b)
//                   with momentum 0:       w -= learning_rate * g
//   Adam, AdamW     m += (1 - beta1) (g - m);  v = beta2 * v + (1 - beta2) g^2
//                   w -= learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//   RMSprop         v = beta2 * v + (1 - beta2) g^2        (beta2 is PyTorch's alpha)
//                   centered: a += (1 - beta2) (g - a);  d = sqrt(max(v - a^2, 0)) + eps    else d = sqrt(v) + eps
//                   with momentum: b = momentum * b + g / d;  w -= learning_rate * b
//                   else           w -= learning_rate * g / d
//
// Before the rule: g = clamp(scale * g, -clip, clip). After it, where there is an average: e += (1 - decay) (w - e).
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

enum zt_rule_kind { zt_rule_sgd = 0, zt_rule_adam = 1, zt_rule_adamw = 2, zt_rule_rmsprop = 3 };

struct zt_rule {
  int32_t kind;
  bool nesterov, centered;
  double learning_rate, weight_decay, momentum, beta1, beta2, eps;
};

struct zt_parameter {
  float* value;
  const float* gradient;
  float* first;    //   SGD, RMSprop: b, null with momentum 0; Adam: m
  float* second;   //   Adam, RMSprop: v
  float* third;    //   centered RMSprop: a
  float* average;  //   e, or null
  int64_t count;
  double step;  //  t
  double decay;
  const zt_rule* rule;
};

void zt_cpu_update(const zt_parameter* parameters, size_t count, double scale, double clip, int threads);

// The square root of the sum of all squares, to 1e-6: NaN or infinite exactly where a gradient has such a value. Only
// `gradient` and `count` are looked at.
double zt_cpu_gradient_norm(const zt_parameter* parameters, size_t count, int threads);

}  // extern "C"
