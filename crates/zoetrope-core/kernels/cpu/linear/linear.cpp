// The C entry point of the linear layer: it calls the kernel of the chosen instruction set.
#include "linear.h"

#include "../isa.h"

ZT_KERNEL(void, linear_forward,
          (const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
           int64_t outputs))

void zt_linear_forward(const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
                       int64_t outputs) {
  ZT_CALL(linear_forward, (x, weight, bias, y, rows, inputs, outputs));
}
