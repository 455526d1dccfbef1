// Linear layers on the CPU. A small one for inference, and one of any size, forward and backward.
//
//   x, dx    [rows, inputs]
//   weight   [outputs, inputs], bias [outputs]
//   y, dy    [rows, outputs]                 y = x · weightᵀ + bias
//
// The kernels take float32 and plain pointers, and allocate nothing. A row is bit-equal whichever rows stand beside it
// (with the same instruction set), but not from kernel to kernel. Numbers below 1.2e-38 count as zero.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

// Runs on the calling thread, because the products that are meant take no longer than waking another thread.
void zt_linear_small(const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
                     int64_t outputs);

// Run on `threads` OpenMP threads. The caller brings a workspace, aligned to 64 bytes; the function beside each kernel
// says how many floats it needs. No sum is split between threads, so the results are bit-equal for any number of them.
struct zt_linear_shape {
  int64_t rows, inputs, outputs;  //  all >= 1
};

size_t zt_linear_forward_workspace(const zt_linear_shape* shape, int threads);
void zt_linear_forward(const zt_linear_shape* shape, const float* x, const float* weight, const float* bias, float* y,
                       float* workspace, int threads);

// Computes the gradients of x, weight and bias, and overwrites all of them. Those of null are not computed.
size_t zt_linear_backward_workspace(const zt_linear_shape* shape, int threads);
void zt_linear_backward(const zt_linear_shape* shape, const float* x, const float* weight, const float* dy, float* dx,
                        float* dweight, float* dbias, float* workspace, int threads);

}  // extern "C"
