// The recurrent layers' C entry points: each calls the kernel of the chosen instruction set.
#include "recurrent.h"

#include "../isa.h"

ZT_KERNEL(size_t, recurrent_saved, (const zt_recurrent_shape& s))
ZT_KERNEL(size_t, recurrent_forward_workspace, (const zt_recurrent_shape& s, int threads))
ZT_KERNEL(void, recurrent_forward,
          (const zt_recurrent_shape& s, const float* x, const zt_recurrent_weights* weights, float* y, float* saved,
           float* workspace, int threads))
ZT_KERNEL(size_t, recurrent_packed, (const zt_recurrent_shape& s))
ZT_KERNEL(size_t, recurrent_pack_workspace, (const zt_recurrent_shape& s, int threads))
ZT_KERNEL(void, recurrent_pack,
          (const zt_recurrent_shape& s, const float* w_ih, const float* w_hh, int64_t pixels, float* packed,
           float* workspace, int threads))
ZT_KERNEL(size_t, recurrent_backward_workspace, (const zt_recurrent_shape& s, int threads))
ZT_KERNEL(void, recurrent_backward,
          (const zt_recurrent_shape& s, const float* x, const zt_recurrent_weights* weights, const float* saved,
           const float* dy, float* dx, const zt_recurrent_gradients* gradients, float* workspace, int threads))

extern "C" {

size_t zt_recurrent_saved(const zt_recurrent_shape* shape) { return ZT_CALL(recurrent_saved, (*shape)); }

size_t zt_recurrent_forward_workspace(const zt_recurrent_shape* shape, int threads) {
  return ZT_CALL(recurrent_forward_workspace, (*shape, threads));
}

void zt_recurrent_forward(const zt_recurrent_shape* shape, const float* x, const zt_recurrent_weights* weights,
                          float* y, float* saved, float* workspace, int threads) {
  ZT_CALL(recurrent_forward, (*shape, x, weights, y, saved, workspace, threads));
}

size_t zt_recurrent_packed(const zt_recurrent_shape* shape) { return ZT_CALL(recurrent_packed, (*shape)); }

size_t zt_recurrent_pack_workspace(const zt_recurrent_shape* shape, int threads) {
  return ZT_CALL(recurrent_pack_workspace, (*shape, threads));
}

void zt_recurrent_pack(const zt_recurrent_shape* shape, const float* w_ih, const float* w_hh, int64_t pixels,
                       float* packed, float* workspace, int threads) {
  ZT_CALL(recurrent_pack, (*shape, w_ih, w_hh, pixels, packed, workspace, threads));
}

size_t zt_recurrent_backward_workspace(const zt_recurrent_shape* shape, int threads) {
  return ZT_CALL(recurrent_backward_workspace, (*shape, threads));
}

void zt_recurrent_backward(const zt_recurrent_shape* shape, const float* x, const zt_recurrent_weights* weights,
                           const float* saved, const float* dy, float* dx, const zt_recurrent_gradients* gradients,
                           float* workspace, int threads) {
  ZT_CALL(recurrent_backward, (*shape, x, weights, saved, dy, dx, gradients, workspace, threads));
}
}
