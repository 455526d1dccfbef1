// A small linear layer on the CPU: inference only.
//
//   x        [rows, inputs]
//   weight   [outputs, inputs], bias [outputs]
//   y        [rows, outputs]
//
// The kernel takes float32 and plain pointers, and allocates nothing. It runs on one thread, because its products take
// no longer than waking another thread. A row is bit-equal whichever rows stand beside it (with the same instruction
// set).
#pragma once

#include <stdint.h>

extern "C" {

void zt_linear_forward(const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
                       int64_t outputs);

}  // extern "C"
