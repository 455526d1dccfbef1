// Convolution blocks on the CPU: conv 3x3 (stride 1, padding 1) + bias + ReLU + max-pool 2x2, forward and backward.
//
// Float32, plain pointers, nothing allocated: the caller brings a workspace of as many floats as the function beside
// each kernel says, aligned to 64 bytes. A kernel runs on `threads` OpenMP threads; its results are bit-equal
// between runs with the same number of threads (and the same instruction set).
//
//   x            [frames, height, width, in_channels]              NHWC
//   weight       [out_channels, in_channels, 3, 3]                 PyTorch's layout
//   bias         [out_channels]
//   y, dy        [frames, height / 2, width / 2, out_channels]     NHWC; an odd last row or column is cut
//   argmax       the same, bytes: which of its window's four positions (row-major) y came from, the first of equals;
//                4 where ReLU cut all four
//
// A NaN among a window's inputs makes its y NaN, as in PyTorch, and that of up to three windows beside it.
// Numbers below 1.2e-38 count as zero.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct zt_conv_shape {
  int64_t frames, height, width;      //      height and width >= 2
  int64_t in_channels, out_channels;  //  >= 1
};

// y and argmax of x. `argmax` may be null (inference). `packed` is null, or what zt_conv_pack() made of weight, which
// then may be null; y is the same, bit for bit.
size_t zt_conv_forward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_forward(const zt_conv_shape* shape, const float* x, const float* weight, const float* bias,
                     const float* packed, float* y, uint8_t* argmax, float* workspace, int threads);

// The weights as the forward pass multiplies them, zt_conv_packed() floats: for inference, which uses the same weights
// again and again. They serve every number and size of frames.
size_t zt_conv_packed(const zt_conv_shape* shape);
void zt_conv_pack(const zt_conv_shape* shape, const float* weight, float* packed, float* workspace, int threads);

// Gradients of x (`dx` may be null: not needed), weight and bias from that of y. All are overwritten.
size_t zt_conv_backward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_backward(const zt_conv_shape* shape, const float* x, const float* weight, const uint8_t* argmax,
                      const float* dy, float* dx, float* dweight, float* dbias, float* workspace, int threads);

// The first block: the same of frames as they come, [frames, in_channels, height, width], in_channels <= 4. Exactly
// one of `x` and `pixels` is given; pixels are bytes and count as pixel / 255. Frames have no gradient.
size_t zt_conv_first_forward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_first_forward(const zt_conv_shape* shape, const float* x, const uint8_t* pixels, const float* weight,
                           const float* bias, float* y, uint8_t* argmax, float* workspace, int threads);
size_t zt_conv_first_backward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_first_backward(const zt_conv_shape* shape, const float* x, const uint8_t* pixels, const uint8_t* argmax,
                            const float* dy, float* dweight, float* dbias, float* workspace, int threads);

// [frames, positions, channels] to [frames, channels, positions] and back: from a block's output to the channel-major
// features that the recurrent layer's weights expect, and the way of the gradient.
void zt_channels_first(const float* in, float* out, int64_t frames, int64_t positions, int64_t channels, int threads);
void zt_channels_last(const float* in, float* out, int64_t frames, int64_t positions, int64_t channels, int threads);

}  // extern "C"
