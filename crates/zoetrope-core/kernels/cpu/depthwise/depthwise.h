// A convolution that leaves the channels apart, each with a kernel of its own (depthwise): over frames or over the time
// of clips, forward and backward.
//
// Kernels take float32 and plain pointers, and allocate nothing. The caller brings a workspace, aligned to 64 bytes;
// the function beside each kernel says how many floats it needs. A kernel runs on `threads` OpenMP threads. No sum is
// split between threads, so the results are bit-equal for any number of threads (with the same instruction set).
//
//   x, dx     [frames, height, width, channels]              NHWC
//   weight    [channels, kernel_height, kernel_width]        PyTorch's layout
//   bias      [channels]
//   y, dy     [frames, rows, columns, channels]              NHWC; rows and columns as in conv2d/conv2d.h
//
// Clips are frames of one row, their steps are its pixels. They may have different lengths.
//
// The results of a frame are bit-equal whichever frames stand beside it. Numbers below 1.2e-38 count as zero.
#pragma once

#include "../conv/conv.h"

extern "C" {

struct zt_depthwise_shape {
  int64_t frames, height, width, channels;  //  >= 1
  int64_t kernel_height, kernel_width;      //  >= 1
  int64_t padding_above, padding_beside;    //  >= 0; at least one row and column of y
  int64_t stride, dilation;                 //  >= 1
  const int64_t* offsets;  //  null, or frames + 1 numbers: the pixel of x at which each frame begins. Then a frame is
                           //  one row of 1 … width pixels, and y has the same pixels
};

// Packs the weights: zt_depthwise_packed() floats, in the form that both passes read.
size_t zt_depthwise_packed(const zt_depthwise_shape* shape);
void zt_depthwise_pack(const zt_depthwise_shape* shape, const float* weight, float* packed);

// Computes y: the convolution and its bias, then the residual sum and the activation. `output` has no argmax and no
// pooling.
void zt_depthwise_forward(const zt_depthwise_shape* shape, const zt_conv_output* output, const float* x,
                          const float* packed, const float* bias, int threads);

// Computes the gradients of x, weight and bias from that of the convolution, and overwrites all of them. Those of null
// are not computed.
size_t zt_depthwise_backward_workspace(const zt_depthwise_shape* shape);
void zt_depthwise_backward(const zt_depthwise_shape* shape, const float* x, const float* packed, const float* dy,
                           float* dx, float* dweight, float* dbias, float* workspace, int threads);

}  // extern "C"
