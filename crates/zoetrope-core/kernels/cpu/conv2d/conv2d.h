// A convolution of frames on the CPU, of any kernel, stride, padding and dilation, forward and backward. Convolutions
// of 3x3 with stride 1 have faster kernels (conv/conv.h).
//
// Kernels take float32 and plain pointers, and allocate nothing. The caller brings a workspace, aligned to 64 bytes;
// the function beside each kernel says how many floats it needs. A kernel runs on `threads` OpenMP threads. No sum is
// split between threads, so the results are bit-equal for any number of threads (with the same instruction set).
//
//   x, dx     [frames, height, width, in_channels]                NHWC; for the forward pass x may be NCHW (`planes`)
//   weight    [out_channels, in_channels, kernel, kernel]         PyTorch's layout
//   bias      [out_channels]
//   y, dy     [frames, rows, columns, out_channels]               NHWC
//
// There are (height + 2 * padding - reach) / stride + 1 rows, where the kernel reaches (kernel - 1) * dilation + 1 far.
// The results of a frame are bit-equal whichever frames stand beside it. Numbers below 1.2e-38 count as zero.
#pragma once

#include "../conv/conv.h"

extern "C" {

struct zt_conv2d_shape {
  int64_t frames, height, width;              //   >= 1
  int64_t in_channels, out_channels;          //   >= 1
  int64_t kernel, stride, padding, dilation;  //  >= 1, but for the padding; at least one row and column of y
  bool planes;                                //  x is [frames, in_channels, height, width]; not with gradients
  bool relu;                                  //  y was made by ReLU: dy is zero where y is not positive
};

// Computes y: the convolution and its bias, then the residual sum and the activation. `output` has no argmax and no
// pooling. `packed` is null, or the result of zt_conv2d_pack() for this weight; `weight` may then be null. y is the
// same bit for bit with and without.
size_t zt_conv2d_forward_workspace(const zt_conv2d_shape* shape, int threads);
void zt_conv2d_forward(const zt_conv2d_shape* shape, const zt_conv_output* output, const float* x, const float* weight,
                       const float* bias, const float* packed, float* workspace, int threads);

// Packs the weights: zt_conv2d_packed() floats, in the form that the forward pass multiplies. They serve every number
// and size of frames.
size_t zt_conv2d_packed(const zt_conv2d_shape* shape);
void zt_conv2d_pack(const zt_conv2d_shape* shape, const float* weight, float* packed, int threads);

// Computes the gradients of x, weight and bias from that of y, of the convolution and perhaps ReLU, and overwrites all
// of them. Those of null are not computed. Without ReLU y may be null.
size_t zt_conv2d_backward_workspace(const zt_conv2d_shape* shape, int threads);
void zt_conv2d_backward(const zt_conv2d_shape* shape, const float* x, const float* weight, const float* y,
                        const float* dy, float* dx, float* dweight, float* dbias, float* workspace, int threads);

}  // extern "C"
