// One layer of an LSTM or a GRU on the CPU, forward and backward, in one direction or in both, with a zero initial
// state.
//
// Kernels take float32 and plain pointers, and allocate nothing. The caller brings a workspace, aligned to 64 bytes;
// the function beside each kernel says how many floats it needs. A kernel runs on `threads` OpenMP threads. No sum is
// split between threads, so the results are bit-equal for any number of threads (with the same instruction set).
//
//   x        [rows, features]                the frames of the batch, clip after clip: nothing is padded
//   w_ih     [gates * hidden, features]      gates in PyTorch's order: input, forget, cell, output of an LSTM;
//   w_hh     [gates * hidden, hidden]        reset, update, new of a GRU
//   b_ih     [gates * hidden], b_hh the same
//   y, dy    [rows, directions * hidden], or [batch, hidden] with `last_only`
//   saved    what the backward pass needs: zt_recurrent_saved() floats, in no layout that others may read
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

enum zt_cell : int32_t { zt_cell_lstm = 0, zt_cell_gru = 1 };

struct zt_recurrent_shape {
  zt_cell cell;
  int64_t batch, time, features, hidden;  //  all >= 1
  const int64_t* offsets;  //  batch + 1 numbers: the row at which each clip begins, last the number of rows; a clip has
                           //  1 … time of them. Null: every clip has `time` rows
  int64_t directions;      //  1, or 2: the second goes from a clip's last frame to its first
  bool last_only;          //  y is each clip's output at its last frame; with one direction
};

// The weights of one direction. `packed` is null, or the result of zt_recurrent_pack() for w_ih and w_hh; these two may
// then be null.
struct zt_recurrent_weights {
  const float *w_ih, *w_hh, *b_ih, *b_hh, *packed;
};

// Where the gradients of one direction's weights go. Those of null are not computed.
struct zt_recurrent_gradients {
  float *w_ih, *w_hh, *b_ih, *b_hh;
};

size_t zt_recurrent_saved(const zt_recurrent_shape* shape);

// Computes y of x, with the weights of each direction. `saved` may be null (inference). With features in the same
// order, y is the same bit for bit with and without packed weights.
size_t zt_recurrent_forward_workspace(const zt_recurrent_shape* shape, int threads);
void zt_recurrent_forward(const zt_recurrent_shape* shape, const float* x, const zt_recurrent_weights* weights,
                          float* y, float* saved, float* workspace, int threads);

// Packs the weights of one direction: zt_recurrent_packed() floats, in the form that the forward pass multiplies.
// Inference packs once, because its weights stay the same. zt_recurrent_packed() is 0 when packed weights would be
// slower. Packed weights serve every shape with the same cell, features and hidden; one form is for `time` 1, another
// for longer clips. The features of w_ih are [channels][pixels], and those of x are [pixels][channels]. With 1 pixel
// both orders are the same.
size_t zt_recurrent_packed(const zt_recurrent_shape* shape);
size_t zt_recurrent_pack_workspace(const zt_recurrent_shape* shape, int threads);
void zt_recurrent_pack(const zt_recurrent_shape* shape, const float* w_ih, const float* w_hh, int64_t pixels,
                       float* packed, float* workspace, int threads);

// Computes the gradients of x, of the weights and of the biases from the gradient of y, and overwrites all of them.
// `dx` may be null; it is then not computed.
size_t zt_recurrent_backward_workspace(const zt_recurrent_shape* shape, int threads);
void zt_recurrent_backward(const zt_recurrent_shape* shape, const float* x, const zt_recurrent_weights* weights,
                           const float* saved, const float* dy, float* dx, const zt_recurrent_gradients* gradients,
                           float* workspace, int threads);

}  // extern "C"
