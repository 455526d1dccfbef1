// The C entry points of the convolution of frames: each calls the kernel of the chosen instruction set.
#include "conv2d.h"

#include "../isa.h"

ZT_KERNEL(size_t, conv2d_forward_workspace, (const zt_conv2d_shape& s, int threads))
ZT_KERNEL(void, conv2d_forward,
          (const zt_conv2d_shape& s, const zt_conv_output& output, const float* x, const float* weight,
           const float* bias, const float* packed, float* workspace, int threads))
ZT_KERNEL(size_t, conv2d_packed, (const zt_conv2d_shape& s))
ZT_KERNEL(void, conv2d_pack, (const zt_conv2d_shape& s, const float* weight, float* packed, int threads))
ZT_KERNEL(size_t, conv2d_data_gradient_workspace, (const zt_conv2d_shape& s, int threads))
ZT_KERNEL(void, conv2d_data_gradient,
          (const zt_conv2d_shape& s, const float* weight, const float* y, const float* dy, float* dx, float* workspace,
           int threads))
ZT_KERNEL(size_t, conv2d_weight_gradient_workspace, (const zt_conv2d_shape& s, int threads))
ZT_KERNEL(void, conv2d_weight_gradient,
          (const zt_conv2d_shape& s, const float* x, const float* y, const float* dy, float* dweight, float* dbias,
           float* workspace, int threads))

extern "C" {

size_t zt_conv2d_forward_workspace(const zt_conv2d_shape* shape, int threads) {
  return ZT_CALL(conv2d_forward_workspace, (*shape, threads));
}

void zt_conv2d_forward(const zt_conv2d_shape* shape, const zt_conv_output* output, const float* x, const float* weight,
                       const float* bias, const float* packed, float* workspace, int threads) {
  ZT_CALL(conv2d_forward, (*shape, *output, x, weight, bias, packed, workspace, threads));
}

size_t zt_conv2d_packed(const zt_conv2d_shape* shape) { return ZT_CALL(conv2d_packed, (*shape)); }

void zt_conv2d_pack(const zt_conv2d_shape* shape, const float* weight, float* packed, int threads) {
  ZT_CALL(conv2d_pack, (*shape, weight, packed, threads));
}

size_t zt_conv2d_backward_workspace(const zt_conv2d_shape* shape, int threads) {
  const size_t data = ZT_CALL(conv2d_data_gradient_workspace, (*shape, threads));
  const size_t weight = ZT_CALL(conv2d_weight_gradient_workspace, (*shape, threads));
  return data > weight ? data : weight;
}

void zt_conv2d_backward(const zt_conv2d_shape* shape, const float* x, const float* weight, const float* y,
                        const float* dy, float* dx, float* dweight, float* dbias, float* workspace, int threads) {
  if (dx != nullptr) ZT_CALL(conv2d_data_gradient, (*shape, weight, y, dy, dx, workspace, threads));
  if (dweight != nullptr || dbias != nullptr)
    ZT_CALL(conv2d_weight_gradient, (*shape, x, y, dy, dweight, dbias, workspace, threads));
}
}
