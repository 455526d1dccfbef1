// The C entry points of the convolution kernels: each calls the kernel of the instruction set in use (isa.h).
// Compiled once.
#include "conv.h"

#include "../isa.h"

using Output = zt_conv_output;
using Shape = zt_conv_shape;

ZT_KERNEL(size_t, conv_forward_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_forward,
          (const Shape&, const Output&, const float*, const float*, const float*, const float*, float*, int))
ZT_KERNEL(size_t, conv_packed, (const Shape&))
ZT_KERNEL(void, conv_pack, (const Shape&, const float*, float*, float*, int))
ZT_KERNEL(size_t, conv_backward_weight_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_backward_weight,
          (const Shape&, const float*, const uint8_t*, const float*, float*, float*, float*, int))
ZT_KERNEL(size_t, conv_backward_data_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_backward_data, (const Shape&, const float*, const uint8_t*, const float*, float*, float*, int))
ZT_KERNEL(size_t, conv_first_forward_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_first_forward,
          (const Shape&, const Output&, const float*, const uint8_t*, const float*, const float*, float*, int))
ZT_KERNEL(size_t, conv_first_backward_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_first_backward,
          (const Shape&, const float*, const uint8_t*, const uint8_t*, const float*, float*, float*, float*, int))
ZT_KERNEL(size_t, conv_weight_gradient_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_weight_gradient, (const Shape&, const float*, const float*, float*, float*, float*, int))
ZT_KERNEL(size_t, conv_first_weight_gradient_workspace, (const Shape&, int))
ZT_KERNEL(void, conv_first_weight_gradient,
          (const Shape&, const float*, const uint8_t*, const float*, float*, float*, float*, int))
ZT_KERNEL(void, transpose, (const float*, float*, int64_t, int64_t, int64_t, int))

size_t zt_conv_forward_workspace(const Shape* shape, int threads) {
  return ZT_CALL(conv_forward_workspace, (*shape, threads));
}

void zt_conv_forward(const Shape* shape, const Output* output, const float* x, const float* weight, const float* bias,
                     const float* packed, float* workspace, int threads) {
  ZT_CALL(conv_forward, (*shape, *output, x, weight, bias, packed, workspace, threads));
}

size_t zt_conv_packed(const Shape* shape) { return ZT_CALL(conv_packed, (*shape)); }

void zt_conv_pack(const Shape* shape, const float* weight, float* packed, float* workspace, int threads) {
  ZT_CALL(conv_pack, (*shape, weight, packed, workspace, threads));
}

size_t zt_conv_backward_workspace(const Shape* shape, int threads) {
  const size_t of_weight = ZT_CALL(conv_backward_weight_workspace, (*shape, threads));
  const size_t of_data = ZT_CALL(conv_backward_data_workspace, (*shape, threads));
  return of_weight > of_data ? of_weight : of_data;
}

void zt_conv_backward(const Shape* shape, const float* x, const float* weight, const uint8_t* argmax, const float* dy,
                      float* dx, float* dweight, float* dbias, float* workspace, int threads) {
  if (dweight != nullptr) ZT_CALL(conv_backward_weight, (*shape, x, argmax, dy, dweight, dbias, workspace, threads));
  if (dx != nullptr) ZT_CALL(conv_backward_data, (*shape, weight, argmax, dy, dx, workspace, threads));
}

size_t zt_conv_first_forward_workspace(const Shape* shape, int threads) {
  return ZT_CALL(conv_first_forward_workspace, (*shape, threads));
}

void zt_conv_first_forward(const Shape* shape, const Output* output, const float* x, const uint8_t* pixels,
                           const float* weight, const float* bias, float* workspace, int threads) {
  ZT_CALL(conv_first_forward, (*shape, *output, x, pixels, weight, bias, workspace, threads));
}

size_t zt_conv_first_backward_workspace(const Shape* shape, int threads) {
  return ZT_CALL(conv_first_backward_workspace, (*shape, threads));
}

void zt_conv_first_backward(const Shape* shape, const float* x, const uint8_t* pixels, const uint8_t* argmax,
                            const float* dy, float* dweight, float* dbias, float* workspace, int threads) {
  ZT_CALL(conv_first_backward, (*shape, x, pixels, argmax, dy, dweight, dbias, workspace, threads));
}

size_t zt_conv_weight_gradient_workspace(const Shape* shape, int threads) {
  return ZT_CALL(conv_weight_gradient_workspace, (*shape, threads));
}

void zt_conv_weight_gradient(const Shape* shape, const float* x, const float* dy, float* dweight, float* dbias,
                             float* workspace, int threads) {
  ZT_CALL(conv_weight_gradient, (*shape, x, dy, dweight, dbias, workspace, threads));
}

size_t zt_conv_first_weight_gradient_workspace(const Shape* shape, int threads) {
  return ZT_CALL(conv_first_weight_gradient_workspace, (*shape, threads));
}

void zt_conv_first_weight_gradient(const Shape* shape, const float* x, const uint8_t* pixels, const float* dy,
                                   float* dweight, float* dbias, float* workspace, int threads) {
  ZT_CALL(conv_first_weight_gradient, (*shape, x, pixels, dy, dweight, dbias, workspace, threads));
}

void zt_conv_rotate(const Shape* shape, const float* weight, float* rotated) {
  const int64_t in = shape->in_channels, out = shape->out_channels;
  for (int64_t i = 0; i < in; ++i)
    for (int64_t o = 0; o < out; ++o)
      for (int64_t k = 0; k < 9; ++k) rotated[(i * out + o) * 9 + k] = weight[(o * in + i) * 9 + 8 - k];
}

void zt_channels_first(const float* in, float* out, int64_t frames, int64_t positions, int64_t channels, int threads) {
  ZT_CALL(transpose, (in, out, frames, positions, channels, threads));
}

void zt_channels_last(const float* in, float* out, int64_t frames, int64_t positions, int64_t channels, int threads) {
  ZT_CALL(transpose, (in, out, frames, channels, positions, threads));
}
