// One direction of one LSTM layer on the CPU, forward and backward, with a zero initial state.
//
// Float32, plain pointers, nothing allocated: the caller brings a workspace of as many floats as the function beside
// each kernel says, aligned to 64 bytes. A kernel runs on `threads` OpenMP threads; sums are never split between
// threads, so its results are bit-equal whatever their number (with the same instruction set).
//
//   x        [rows, features]                the frames of the batch, clip after clip: nothing is padded
//   w_ih     [4 * hidden, features]          gates in PyTorch's order: input, forget, cell, output
//   w_hh     [4 * hidden, hidden]
//   b_ih     [4 * hidden], b_hh the same
//   y, dy    [rows, hidden], or [batch, hidden] with `last_only`
//   saved    what the backward pass needs: zt_lstm_saved() floats, in no layout that others may read
//
// Clips of different lengths are as many rows as they have frames, and cost as much. What is computed of a clip is
// bit-equal whichever clips stand beside it.
//
// A NaN or an infinity among the inputs reaches whatever depends on it, as in PyTorch; on the tile unit (simd/amx.h) an
// infinity as a NaN. Numbers below 1.2e-38 count as zero.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct zt_lstm_shape {
  int64_t batch, time, features, hidden;  //  all >= 1
  const int64_t* offsets;  //  batch + 1 numbers: the row at which each clip begins, last the number of rows; a clip has
                           //  1 … time of them. Null: every clip has `time` rows
  bool reverse;            //  from a clip's last frame to its first: the second direction of a bidirectional layer
  bool last_only;          //  y is each clip's output at the last step that is computed
};

size_t zt_lstm_saved(const zt_lstm_shape* shape);

// y of x. `saved` may be null (inference). `packed` is null, or what zt_lstm_pack() made of w_ih and w_hh, which then
// may be null; y is the same, bit for bit, where the order of features is.
size_t zt_lstm_forward_workspace(const zt_lstm_shape* shape, int threads);
void zt_lstm_forward(const zt_lstm_shape* shape, const float* x, const float* w_ih, const float* w_hh,
                     const float* b_ih, const float* b_hh, const float* packed, float* y, float* saved,
                     float* workspace, int threads);

// The weights as the forward pass multiplies them, zt_lstm_packed() floats: for inference, which uses the same weights
// again and again. 0 where they would be slower. They serve every shape of the same features and hidden, and with
// `time` on the same side of 1. Features of x may have another order than those of w_ih: where these are
// [channels][positions], x has [positions][channels]; both are the same with 1 position.
size_t zt_lstm_packed(const zt_lstm_shape* shape);
size_t zt_lstm_pack_workspace(const zt_lstm_shape* shape, int threads);
void zt_lstm_pack(const zt_lstm_shape* shape, const float* w_ih, const float* w_hh, int64_t positions, float* packed,
                  float* workspace, int threads);

// Gradients of x (`dx` may be null: not needed), of the weights and of either bias from that of y. All are
// overwritten; both biases have the same gradient, `db`.
size_t zt_lstm_backward_workspace(const zt_lstm_shape* shape, int threads);
void zt_lstm_backward(const zt_lstm_shape* shape, const float* x, const float* w_ih, const float* w_hh,
                      const float* saved, const float* dy, float* dx, float* dw_ih, float* dw_hh, float* db,
                      float* workspace, int threads);

}  // extern "C"
