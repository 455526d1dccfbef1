// The C entry points of what follows a convolution: each calls the kernel of the chosen instruction set.
#include "finish.h"

#include "../isa.h"

using Shape = zt_finish_shape;
using Norm = zt_finish_norm;
using Gradients = zt_finish_gradients;

ZT_KERNEL(size_t, finish_statistics_workspace, (const Shape&, int))
ZT_KERNEL(void, finish_statistics, (const Shape&, const float*, float*, float*, float*, int))
ZT_KERNEL(void, finish_forward, (const Shape&, const Norm*, const float*, const float*, float*, int))
ZT_KERNEL(size_t, finish_backward_workspace, (const Shape&, int))
ZT_KERNEL(void, finish_backward,
          (const Shape&, const Norm*, const float*, const float*, const float*, const Gradients&, float*, int))

size_t zt_finish_statistics_workspace(const Shape* shape, int threads) {
  return ZT_CALL(finish_statistics_workspace, (*shape, threads));
}

void zt_finish_statistics(const Shape* shape, const float* x, float* mean, float* variance, float* workspace,
                          int threads) {
  ZT_CALL(finish_statistics, (*shape, x, mean, variance, workspace, threads));
}

void zt_finish_forward(const Shape* shape, const Norm* norm, const float* x, const float* residual, float* y,
                       int threads) {
  ZT_CALL(finish_forward, (*shape, norm, x, residual, y, threads));
}

size_t zt_finish_backward_workspace(const Shape* shape, int threads) {
  return ZT_CALL(finish_backward_workspace, (*shape, threads));
}

void zt_finish_backward(const Shape* shape, const Norm* norm, const float* x, const float* residual, const float* dy,
                        const Gradients* gradients, float* workspace, int threads) {
  ZT_CALL(finish_backward, (*shape, norm, x, residual, dy, *gradients, workspace, threads));
}
