// The C entry points of the linear layers: each calls the kernel of the chosen instruction set.
#include "linear.h"

#include "../isa.h"

ZT_KERNEL(void, linear_small,
          (const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
           int64_t outputs))
ZT_KERNEL(size_t, linear_forward_workspace, (const zt_linear_shape& s, int threads))
ZT_KERNEL(void, linear_forward,
          (const zt_linear_shape& s, const float* x, const float* weight, const float* bias, float* y, float* workspace,
           int threads))
ZT_KERNEL(size_t, linear_backward_workspace, (const zt_linear_shape& s, int threads))
ZT_KERNEL(void, linear_backward,
          (const zt_linear_shape& s, const float* x, const float* weight, const float* dy, float* dx, float* dweight,
           float* dbias, float* workspace, int threads))

extern "C" {

void zt_linear_small(const float* x, const float* weight, const float* bias, float* y, int64_t rows, int64_t inputs,
                     int64_t outputs) {
  ZT_CALL(linear_small, (x, weight, bias, y, rows, inputs, outputs));
}

size_t zt_linear_forward_workspace(const zt_linear_shape* shape, int threads) {
  return ZT_CALL(linear_forward_workspace, (*shape, threads));
}

void zt_linear_forward(const zt_linear_shape* shape, const float* x, const float* weight, const float* bias, float* y,
                       float* workspace, int threads) {
  ZT_CALL(linear_forward, (*shape, x, weight, bias, y, workspace, threads));
}

size_t zt_linear_backward_workspace(const zt_linear_shape* shape, int threads) {
  return ZT_CALL(linear_backward_workspace, (*shape, threads));
}

void zt_linear_backward(const zt_linear_shape* shape, const float* x, const float* weight, const float* dy, float* dx,
                        float* dweight, float* dbias, float* workspace, int threads) {
  ZT_CALL(linear_backward, (*shape, x, weight, dy, dx, dweight, dbias, workspace, threads));
}
}
