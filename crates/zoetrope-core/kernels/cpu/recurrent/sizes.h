// A recurrent layer as its kernels compute it: sizes, where rows and gates lie, and what is saved.
#pragma once

#include "../simd/gemm.h"
#include "recurrent.h"

namespace zt::ZT_ISA {

constexpr int64_t kLine = 16;  //  floats of a cache line

// Rows are the frames, clip after clip. The gates of a row are blocks of `hidden` values, in PyTorch's order.
//
// The forget gate of an LSTM multiplies the cell state before the step, which is zero at the first step. When every
// clip has one step only, nothing depends on that gate. It is then neither computed nor stored, and the gradients of
// its weights are zero.
struct Sizes {
  bool is_gru;
  int64_t batch, time, features, hidden, rows, directions;
  int64_t gates;  //  of a row that are computed: 4 * hidden, or 3 * hidden
  const int64_t* offsets;
  bool last_only;

  explicit Sizes(const zt_recurrent_shape& s)
      : is_gru(s.cell == zt_cell_gru),
        batch(s.batch),
        time(s.time),
        features(s.features),
        hidden(s.hidden),
        rows(s.offsets != nullptr ? s.offsets[s.batch] : s.batch * s.time),
        directions(s.directions),
        gates((s.cell == zt_cell_gru || s.time == 1 ? 3 : 4) * s.hidden),
        offsets(s.offsets),
        last_only(s.last_only) {}

  // Whether a step depends on one before.
  bool recurs() const { return time > 1; }
  bool forgets() const { return !is_gru && recurs(); }
  // Where the cell and the output gate of an LSTM lie in a row of gates, after the input gate and perhaps the forget
  // gate.
  int64_t cell_gate() const { return gates - 2 * hidden; }
  int64_t output_gate() const { return gates - hidden; }
  // The row of W_ih and b_ih that belongs to a computed gate.
  int64_t weight_row(int64_t gate) const { return is_gru || forgets() || gate < hidden ? gate : gate + hidden; }
  // How many rows before weight_row() left out, and from which computed gate on.
  int64_t left_out() const { return is_gru || forgets() ? 0 : hidden; }
  // The rows of W_ih and W_hh, all of which W_hh's product needs.
  int64_t weight_rows() const { return (is_gru ? 3 : 4) * hidden; }
  int64_t recurrent_blocks() const { return is_gru ? 3 : 4; }
  // Values of a row's gradient: that of each gate, and of a GRU's hidden part of `new`, which the reset gate
  // multiplies. A GRU's begin with that of `new`, so that those that W_hh multiplies lie side by side.
  int64_t gradients() const { return is_gru ? 4 * hidden : gates; }
  int64_t passed_from() const { return is_gru ? hidden : 0; }
  int64_t outputs() const { return directions * hidden; }

  int64_t length(int64_t clip) const { return offsets != nullptr ? offsets[clip + 1] - offsets[clip] : time; }
  // The row of a clip's step number `step` in the order of computation of a direction.
  int64_t row(int64_t direction, int64_t clip, int64_t step) const {
    const int64_t begin = offsets != nullptr ? offsets[clip] : clip * time;
    return begin + (direction == 1 ? length(clip) - 1 - step : step);
  }
  // Where the output at that step lies in y and dy, or -1 when the step has no output.
  int64_t output(int64_t direction, int64_t clip, int64_t step) const {
    if (!last_only) return row(direction, clip, step) * outputs() + direction * hidden;
    return step + 1 == length(clip) ? clip * hidden : -1;
  }
};

// `saved` of one direction: activated gates [rows, gates], then some of [rows, hidden].
struct Saved {
  float* gates;
  float* inner;   //  an LSTM's tanh(c); a GRU's W_hn h + b_hn
  float* cells;   //  an LSTM's c
  float* before;  //  the hidden state that a step begins with; absent where there is one step

  Saved(const Sizes& z, float* saved, int64_t direction)
      : gates(saved + direction * size(z)),
        inner(gates + z.rows * z.gates),
        cells(inner + z.rows * z.hidden),
        before(cells + (z.is_gru ? 0 : z.rows * z.hidden)) {}
  static int64_t size(const Sizes& z) {
    return z.rows * (z.gates + ((z.is_gru ? 1 : 2) + (z.recurs() ? 1 : 0)) * z.hidden);
  }
};

}  // namespace zt::ZT_ISA
