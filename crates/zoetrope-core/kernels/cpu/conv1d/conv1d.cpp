// The C entry points of the convolution over time: each calls the kernel of the chosen instruction set.
#include "conv1d.h"

#include "../isa.h"

ZT_KERNEL(size_t, conv1d_forward_workspace, (const zt_conv1d_shape& s, int threads))
ZT_KERNEL(void, conv1d_forward,
          (const zt_conv1d_shape& s, const float* x, const float* weight, const float* bias, float* y, float* workspace,
           int threads))
ZT_KERNEL(size_t, conv1d_backward_workspace, (const zt_conv1d_shape& s, int threads))
ZT_KERNEL(void, conv1d_backward,
          (const zt_conv1d_shape& s, const float* x, const float* weight, const float* y, const float* dy, float* dx,
           float* dweight, float* dbias, float* workspace, int threads))

extern "C" {

size_t zt_conv1d_forward_workspace(const zt_conv1d_shape* shape, int threads) {
  return ZT_CALL(conv1d_forward_workspace, (*shape, threads));
}

void zt_conv1d_forward(const zt_conv1d_shape* shape, const float* x, const float* weight, const float* bias, float* y,
                       float* workspace, int threads) {
  ZT_CALL(conv1d_forward, (*shape, x, weight, bias, y, workspace, threads));
}

size_t zt_conv1d_backward_workspace(const zt_conv1d_shape* shape, int threads) {
  return ZT_CALL(conv1d_backward_workspace, (*shape, threads));
}

void zt_conv1d_backward(const zt_conv1d_shape* shape, const float* x, const float* weight, const float* y,
                        const float* dy, float* dx, float* dweight, float* dbias, float* workspace, int threads) {
  ZT_CALL(conv1d_backward, (*shape, x, weight, y, dy, dx, dweight, dbias, workspace, threads));
}
}
