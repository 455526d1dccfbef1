// The C entry points of the depthwise convolution: each calls the kernel of the chosen instruction set.
#include "depthwise.h"

#include "../isa.h"

ZT_KERNEL(size_t, depthwise_packed, (const zt_depthwise_shape& s))
ZT_KERNEL(void, depthwise_pack, (const zt_depthwise_shape& s, const float* weight, float* packed))
ZT_KERNEL(void, depthwise_forward,
          (const zt_depthwise_shape& s, const zt_conv_output& output, const float* x, const float* packed,
           const float* bias, int threads))
ZT_KERNEL(void, depthwise_data_gradient,
          (const zt_depthwise_shape& s, const float* packed, const float* dy, float* dx, int threads))
ZT_KERNEL(size_t, depthwise_weight_gradient_workspace, (const zt_depthwise_shape& s))
ZT_KERNEL(void, depthwise_weight_gradient,
          (const zt_depthwise_shape& s, const float* x, const float* dy, float* dweight, float* dbias, float* workspace,
           int threads))

extern "C" {

size_t zt_depthwise_packed(const zt_depthwise_shape* shape) { return ZT_CALL(depthwise_packed, (*shape)); }

void zt_depthwise_pack(const zt_depthwise_shape* shape, const float* weight, float* packed) {
  ZT_CALL(depthwise_pack, (*shape, weight, packed));
}

void zt_depthwise_forward(const zt_depthwise_shape* shape, const zt_conv_output* output, const float* x,
                          const float* packed, const float* bias, int threads) {
  ZT_CALL(depthwise_forward, (*shape, *output, x, packed, bias, threads));
}

size_t zt_depthwise_backward_workspace(const zt_depthwise_shape* shape) {
  return ZT_CALL(depthwise_weight_gradient_workspace, (*shape));
}

void zt_depthwise_backward(const zt_depthwise_shape* shape, const float* x, const float* packed, const float* dy,
                           float* dx, float* dweight, float* dbias, float* workspace, int threads) {
  if (dx != nullptr) ZT_CALL(depthwise_data_gradient, (*shape, packed, dy, dx, threads));
  if (dweight != nullptr || dbias != nullptr)
    ZT_CALL(depthwise_weight_gradient, (*shape, x, dy, dweight, dbias, workspace, threads));
}
}
