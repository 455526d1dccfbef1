// What follows a convolution in training: batch norm, residual sum, activation and pooling, in this order, each as far
// as there is one. One pass forward, besides one for the batch's statistics; two passes backward, or one without them.
//
// Nothing is kept for the backward pass but the inputs of the forward pass: it computes again what it needs.
//
//   x, dx, residual, dresidual   [frames, height, width, channels]            NHWC: the convolution's output
//   y, dy                        [frames, height / 2, width / 2, channels]    with pooling, whose windows are 2x2: an
//   odd
//                                                                             last row or column is cut; else as x
//   all others                   [channels]
//
// Kernels take float32 and plain pointers, and allocate nothing: see conv/conv.h for workspaces, threads and equality.
// A NaN in a window makes y NaN. Of equal maxima the first has the gradient. Numbers below 1.2e-38 count as zero.
#pragma once

#include "../conv/conv.h"

extern "C" {

struct zt_finish_shape {
  int64_t frames, height, width, channels;  //  >= 1
  enum zt_conv_activation activation;
  enum zt_conv_pool pool;
};

// A norm: x becomes x * scale + shift. Where mean and inverse deviation came from x itself, they are here too, and the
// gradient passes through them. Otherwise they are null.
struct zt_finish_norm {
  const float *scale, *shift;
  const float *mean, *inverse;
};

struct zt_finish_gradients {
  float* dx;               //         null: not computed
  float* dresidual;        //         the same
  float *dweight, *dbias;  //   of the norm's own weight and bias, where it has a mean
};

// Mean and variance (biased) of each channel of x.
size_t zt_finish_statistics_workspace(const zt_finish_shape* shape, int threads);
void zt_finish_statistics(const zt_finish_shape* shape, const float* x, float* mean, float* variance, float* workspace,
                          int threads);

// Computes y. `norm` and `residual` may be null.
void zt_finish_forward(const zt_finish_shape* shape, const zt_finish_norm* norm, const float* x, const float* residual,
                       float* y, int threads);

// Computes the gradients of what the forward pass took, from the gradient of y. The sum's gradient is the convolution's
// where there is no norm.
size_t zt_finish_backward_workspace(const zt_finish_shape* shape, int threads);
void zt_finish_backward(const zt_finish_shape* shape, const zt_finish_norm* norm, const float* x, const float* residual,
                        const float* dy, const zt_finish_gradients* gradients, float* workspace, int threads);

}  // extern "C"
