// Convolutions of 3x3 with stride 1 on the CPU, and what follows them in the same pass.
//
// A *block* is conv 3x3 (padding 1) + bias + ReLU + max-pool 2x2, forward and backward: training keeps the pooling's
// argmax and never writes the full-size activation. The forward pass alone takes any padding, residual
// sum, activation and pooling. Without these it has gradients too: those of the weights have a kernel of their own, and
// that of x is a forward pass with other weights.
//
// Kernels take float32 and plain pointers, and allocate nothing. The caller brings a workspace, aligned to 64 bytes;
// the function beside each kernel says how many floats it needs. A kernel runs on `threads` OpenMP threads. Its results
// are bit-equal between runs with the same number of threads and the same instruction set.
//
//   x            [frames, height, width, in_channels]              NHWC
//   weight       [out_channels, in_channels, 3, 3]                 PyTorch's layout
//   bias         [out_channels]
//   y, dy        [frames, height / 2, width / 2, out_channels]     NHWC, of a block; an odd last row or column is cut
//   argmax       the same, bytes: which of its window's four positions (row-major) y came from, the first of equals;
//                4 where ReLU cut all four
//
// A NaN among a window's inputs makes the window's y NaN, as in PyTorch. Up to three windows beside it may become NaN
// too.
// Numbers below 1.2e-38 count as zero.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct zt_conv_shape {
  int64_t frames, height, width;      //      height and width >= 2
  int64_t in_channels, out_channels;  //  >= 1
  int64_t padding = 1;                //  0 to 2; blocks have 1. height + 2 * padding >= 3, the same for width
};

// GELU is the exact one, by erf.
enum zt_conv_activation { zt_linear_activation, zt_relu, zt_gelu, zt_silu, zt_relu6, zt_hardswish };
enum zt_conv_pool { zt_no_pool, zt_max_pool, zt_average_pool };  //  of windows of 2x2

// What a forward pass writes. After the convolution and its bias come, in this order, the residual sum, the activation
// and the pooling.
struct zt_conv_output {
  float* y;  //         [frames, rows, cols, out_channels], or with half of the rows and columns where it is pooled
  uint8_t* argmax;        //         of a block, in training; else null
  const float* residual;  //   [frames, rows, cols, out_channels]; null for no sum
  enum zt_conv_activation activation;
  enum zt_conv_pool pool;
};

// Computes y of x, where the convolution has height + 2 * padding - 2 rows, and columns likewise. `packed` is null, or
// the result of zt_conv_pack() for this weight; `weight` may then be null. y is the same bit for bit with and without
// `packed`, and with and without argmax.
size_t zt_conv_forward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_forward(const zt_conv_shape* shape, const zt_conv_output* output, const float* x, const float* weight,
                     const float* bias, const float* packed, float* workspace, int threads);

// Packs the weights: zt_conv_packed() floats, in the form that the forward pass multiplies. Inference packs once,
// because its weights stay the same. Packed weights serve every number and size of frames.
size_t zt_conv_packed(const zt_conv_shape* shape);
void zt_conv_pack(const zt_conv_shape* shape, const float* weight, float* packed, float* workspace, int threads);

// Computes the gradients of x, weight and bias from the gradient of y, and overwrites all three. `dx` may be null; it
// is then not computed. So may `dweight` and `dbias`, together.
size_t zt_conv_backward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_backward(const zt_conv_shape* shape, const float* x, const float* weight, const uint8_t* argmax,
                      const float* dy, float* dx, float* dweight, float* dbias, float* workspace, int threads);

// The first block does the same for frames of [frames, in_channels, height, width] with in_channels <= 4. Exactly one
// of `x` and `pixels` is given. Pixels are bytes and count as pixel / 255. Frames have no gradient.
size_t zt_conv_first_forward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_first_forward(const zt_conv_shape* shape, const zt_conv_output* output, const float* x,
                           const uint8_t* pixels, const float* weight, const float* bias, float* workspace,
                           int threads);
size_t zt_conv_first_backward_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_first_backward(const zt_conv_shape* shape, const float* x, const uint8_t* pixels, const uint8_t* argmax,
                            const float* dy, float* dweight, float* dbias, float* workspace, int threads);

// Computes the gradients of weight and bias from the gradient of the convolution's whole output, dy [frames, height +
// 2 * padding - 2, width + 2 * padding - 2, out_channels]: of NHWC frames, or of the first block's (padding 1).
size_t zt_conv_weight_gradient_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_weight_gradient(const zt_conv_shape* shape, const float* x, const float* dy, float* dweight, float* dbias,
                             float* workspace, int threads);
size_t zt_conv_first_weight_gradient_workspace(const zt_conv_shape* shape, int threads);
void zt_conv_first_weight_gradient(const zt_conv_shape* shape, const float* x, const uint8_t* pixels, const float* dy,
                                   float* dweight, float* dbias, float* workspace, int threads);

// The weight [in_channels, out_channels, 3, 3] whose convolution of dy, with a padding of 2 - padding and no bias, is
// the gradient of x.
void zt_conv_rotate(const zt_conv_shape* shape, const float* weight, float* rotated);

// Transposes [frames, positions, channels] to [frames, channels, positions], and back. A position is a pixel's place in
// the frame. The recurrent layer's weights expect channel-major features; the gradient takes the way back.
void zt_channels_first(const float* in, float* out, int64_t frames, int64_t positions, int64_t channels, int threads);
void zt_channels_last(const float* in, float* out, int64_t frames, int64_t positions, int64_t channels, int threads);

}  // extern "C"
