// A small linear layer on the CPU: inference only.
//
//   x        [rows, inputs]
//   weight   [outputs, inputs], bias [outputs]
//   y        [rows, outputs]
//
// Float32, plain pointers, nothing allocated. One thread: it is for products that take no longer than waking
// another. A row is bit-equal whichever rows there are (with the same instruction set).
#pragma once

#include <stdint.h>

extern "C" {

void zt_linear_forward(const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
                       int64_t outputs);

}  // extern "C"
