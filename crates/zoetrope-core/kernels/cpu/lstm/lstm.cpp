// The LSTM's C entry points: each calls the kernel of the chosen instruction set.
#include "lstm.h"

#include "../isa.h"

ZT_KERNEL(size_t, lstm_saved, (const zt_lstm_shape& s))
ZT_KERNEL(size_t, lstm_forward_workspace, (const zt_lstm_shape& s, int threads))
ZT_KERNEL(void, lstm_forward,
          (const zt_lstm_shape& s, const float* x, const float* w_ih, const float* w_hh, const float* b_ih,
           const float* b_hh, const float* packed, float* y, float* saved, float* workspace, int threads))
ZT_KERNEL(size_t, lstm_packed, (const zt_lstm_shape& s))
ZT_KERNEL(size_t, lstm_pack_workspace, (const zt_lstm_shape& s, int threads))
ZT_KERNEL(void, lstm_pack,
          (const zt_lstm_shape& s, const float* w_ih, const float* w_hh, int64_t pixels, float* packed,
           float* workspace, int threads))
ZT_KERNEL(size_t, lstm_backward_workspace, (const zt_lstm_shape& s, int threads))
ZT_KERNEL(void, lstm_backward,
          (const zt_lstm_shape& s, const float* x, const float* w_ih, const float* w_hh, const float* saved,
           const float* dy, float* dx, float* dw_ih, float* dw_hh, float* db, float* workspace, int threads))

extern "C" {

size_t zt_lstm_saved(const zt_lstm_shape* shape) { return ZT_CALL(lstm_saved, (*shape)); }

size_t zt_lstm_forward_workspace(const zt_lstm_shape* shape, int threads) {
  return ZT_CALL(lstm_forward_workspace, (*shape, threads));
}

void zt_lstm_forward(const zt_lstm_shape* shape, const float* x, const float* w_ih, const float* w_hh,
                     const float* b_ih, const float* b_hh, const float* packed, float* y, float* saved,
                     float* workspace, int threads) {
  ZT_CALL(lstm_forward, (*shape, x, w_ih, w_hh, b_ih, b_hh, packed, y, saved, workspace, threads));
}

size_t zt_lstm_packed(const zt_lstm_shape* shape) { return ZT_CALL(lstm_packed, (*shape)); }

size_t zt_lstm_pack_workspace(const zt_lstm_shape* shape, int threads) {
  return ZT_CALL(lstm_pack_workspace, (*shape, threads));
}

void zt_lstm_pack(const zt_lstm_shape* shape, const float* w_ih, const float* w_hh, int64_t pixels, float* packed,
                  float* workspace, int threads) {
  ZT_CALL(lstm_pack, (*shape, w_ih, w_hh, pixels, packed, workspace, threads));
}

size_t zt_lstm_backward_workspace(const zt_lstm_shape* shape, int threads) {
  return ZT_CALL(lstm_backward_workspace, (*shape, threads));
}

void zt_lstm_backward(const zt_lstm_shape* shape, const float* x, const float* w_ih, const float* w_hh,
                      const float* saved, const float* dy, float* dx, float* dw_ih, float* dw_hh, float* db,
                      float* workspace, int threads) {
  ZT_CALL(lstm_backward, (*shape, x, w_ih, w_hh, saved, dy, dx, dw_ih, dw_hh, db, workspace, threads));
}
}
