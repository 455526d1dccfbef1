// A convolution over the time of each clip on the CPU, forward and backward, with bias and perhaps ReLU. In front of a
// clip and behind it there is nothing but zeros; there are as many steps after as before.
//
// Kernels take float32 and plain pointers, and allocate nothing. The caller brings a workspace, aligned to 64 bytes;
// the function beside each kernel says how many floats it needs. A kernel runs on `threads` OpenMP threads. No sum is
// split between threads, so the results are bit-equal for any number of threads (with the same instruction set).
//
//   x        [rows, in_channels]                 the frames of the batch, clip after clip: nothing is padded
//   weight   [out_channels, in_channels, taps]
//   bias     [out_channels]
//   y, dy    [rows, out_channels]                y[t] = bias + Σ weight[tap] · x[t + (tap - taps / 2) · dilation]
//
// The results of a clip are bit-equal whichever clips stand beside it. Numbers below 1.2e-38 count as zero.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct zt_conv1d_shape {
  int64_t batch, time, in_channels, out_channels;  //  all >= 1
  int64_t taps, dilation;                          //  taps is odd
  const int64_t* offsets;  //  batch + 1 numbers: the row at which each clip begins, last the number of rows; a clip has
                           //  1 … time of them. Null: every clip has `time` rows
  bool relu;               //  y is what ReLU makes of it
};

size_t zt_conv1d_forward_workspace(const zt_conv1d_shape* shape, int threads);
void zt_conv1d_forward(const zt_conv1d_shape* shape, const float* x, const float* weight, const float* bias, float* y,
                       float* workspace, int threads);

// Computes the gradients of x, weight and bias from y and its gradient, and overwrites all of them. Those of null are
// not computed. `y` may be null without ReLU.
size_t zt_conv1d_backward_workspace(const zt_conv1d_shape* shape, int threads);
void zt_conv1d_backward(const zt_conv1d_shape* shape, const float* x, const float* weight, const float* y,
                        const float* dy, float* dx, float* dweight, float* dbias, float* workspace, int threads);

}  // extern "C"
