// One direction of one LSTM layer on the CPU, forward and backward, with a zero initial state.
//
// Kernels take float32 and plain pointers, and allocate nothing. The caller brings a workspace, aligned to 64 bytes;
// the function beside each kernel says how many floats it needs. A kernel runs on `threads` OpenMP threads. No sum is
// split between threads, so the results are bit-equal for any number of threads (with the same instruction set).
//
//   x        [rows, features]                the frames of the batch, clip after clip: nothing is padded
//   w_ih     [4 * hidden, features]          gates in PyTorch's order: input, forget, cell, output
//   w_hh     [4 * hidden, hidden]
//   b_ih     [4 * hidden], b_hh the same
//   y, dy    [rows, hidden], or [batch, hidden] with `last_only`
//   saved    what the backward pass needs: zt_lstm_saved() floats, in no layout that others may read
//
// A clip has as many rows as frames, so a batch costs as much as it has frames. The results of a clip are bit-equal
// whichever clips stand beside it.
//
// A NaN or an infinity among the inputs reaches every result that depends on it, as in PyTorch. On the tile unit
// (simd/amx.h) an infinity becomes a NaN. Numbers below 1.2e-38 count as zero.
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

// Computes y of x. `saved` may be null (inference). `packed` is null, or the result of zt_lstm_pack() for w_ih and
// w_hh; these two may then be null. With features in the same order, y is the same bit for bit with and without
// `packed`.
size_t zt_lstm_forward_workspace(const zt_lstm_shape* shape, int threads);
void zt_lstm_forward(const zt_lstm_shape* shape, const float* x, const float* w_ih, const float* w_hh,
                     const float* b_ih, const float* b_hh, const float* packed, float* y, float* saved,
                     float* workspace, int threads);

// Packs the weights: zt_lstm_packed() floats, in the form that the forward pass multiplies. Inference packs once,
// because its weights stay the same. zt_lstm_packed() is 0 when packed weights would be slower. Packed weights serve
// every shape with the same features and hidden; one form is for `time` 1, another for longer clips. The features of
// w_ih are [channels][pixels], and those of x are [pixels][channels]. With 1 pixel both orders are the same.
size_t zt_lstm_packed(const zt_lstm_shape* shape);
size_t zt_lstm_pack_workspace(const zt_lstm_shape* shape, int threads);
void zt_lstm_pack(const zt_lstm_shape* shape, const float* w_ih, const float* w_hh, int64_t pixels, float* packed,
                  float* workspace, int threads);

// Computes the gradients of x, of the weights and of the biases from the gradient of y, and overwrites all of them.
// Both biases have the same gradient, `db`. `dx` may be null; it is then not computed.
size_t zt_lstm_backward_workspace(const zt_lstm_shape* shape, int threads);
void zt_lstm_backward(const zt_lstm_shape* shape, const float* x, const float* w_ih, const float* w_hh,
                      const float* saved, const float* dy, float* dx, float* dw_ih, float* dw_hh, float* db,
                      float* workspace, int threads);

}  // extern "C"
