// What the LSTM's forward and backward passes share: sizes, and the one micro-kernel of all their products.
#pragma once

#include "lstm.h"
#include "simd.h"

namespace zt::ZT_ISA {

constexpr int kPanel = 2 * kWidth;                //   columns of a packed panel
constexpr int kRows = kRegisters == 32 ? 12 : 6;  //   rows of the micro-kernel: kRows * 2 vectors of sums
constexpr int64_t kMaxPanel = 32, kMaxRows = 12;  //   of any instruction set

// A layer as it is computed: rows are [batch, steps], the step fastest.
//
// The forget gate multiplies the cell state before the step, which is zero at the first step. Where there is no other,
// nothing depends on that gate: it is neither computed nor stored, and its weights' gradients are zero.
struct LstmSizes {
  int64_t batch, steps, features, hidden, rows;
  int64_t gates;               //  that are computed: 4 * hidden, or 3 * hidden
  int64_t x_offset, x_stride;  //  row r of x begins at x_offset + r * x_stride
  bool reverse;

  explicit LstmSizes(const zt_lstm_shape& s) {
    const bool single = s.last_only && s.reverse;  //  the output at time - 1 is the first that is computed
    batch = s.batch, features = s.features, hidden = s.hidden;
    steps = single ? 1 : s.time;
    gates = (steps > 1 ? 4 : 3) * hidden;
    rows = batch * steps;
    x_offset = single ? (s.time - 1) * features : 0;
    x_stride = single ? s.time * features : features;
    reverse = s.reverse;
  }

  bool forgets() const { return steps > 1; }
  // Where the cell and the output gate lie in a row of gates, after the input gate and perhaps the forget gate.
  int64_t cell_gate() const { return gates - 2 * hidden; }
  int64_t output_gate() const { return gates - hidden; }
  // The row of W_ih, W_hh and the biases that belongs to a computed gate.
  int64_t weight_row(int64_t gate) const { return gate < hidden || forgets() ? gate : gate + hidden; }
  // The row of step number `step` in the order of computation.
  int64_t row(int64_t sample, int64_t step) const { return sample * steps + (reverse ? steps - 1 - step : step); }
};

// `saved`: activated gates [rows, gates], then three of [rows, hidden].
struct LstmSaved {
  float* gates;
  float* cells;
  float* tanh_cells;
  float* before;  //  the hidden state that a step begins with; absent where there is one step

  LstmSaved(const LstmSizes& z, float* saved)
      : gates(saved),
        cells(gates + z.rows * z.gates),
        tanh_cells(cells + z.rows * z.hidden),
        before(tanh_cells + z.rows * z.hidden) {}
  static int64_t size(const LstmSizes& z) { return z.rows * (z.gates + (z.steps > 1 ? 3 : 2) * z.hidden); }
};

// sums[r][v] += Σ_k a[r][k] · b[k][v], where b's rows are kVectors vectors.
template <int kTileRows, int kVectors>
ZT_INLINE void multiply_add(const float* const* a, const float* b, int64_t depth, VF (&sums)[kTileRows][kVectors]) {
  VF local[kTileRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) local[r][v] = sums[r][v];
  const float* row[kTileRows];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r) row[r] = a[r];
  for (int64_t k = 0; k < depth; ++k) {
    VF values[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) values[v] = load(b + (k * kVectors + v) * kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; ++r) {
      const VF scale = broadcast(row[r][k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) local[r][v] = fma(scale, values[v], local[r][v]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = local[r][v];
}

// out[k][c] = rows[k][c] for `columns` columns, zeros up to kPanel.
ZT_INLINE void pack_panel(const float* rows, int64_t stride, int64_t depth, int64_t columns, float* out) {
  for (int64_t k = 0; k < depth; ++k) {
    store(out + k * kPanel, load_first(rows + k * stride, larger(columns, 0)));
    store(out + k * kPanel + kWidth, load_first(rows + k * stride + kWidth, larger(columns - kWidth, 0)));
  }
}

// Calls body(RowCount<count>()): the number of rows, 1 … kMost, as a constant.
template <int kCount>
struct RowCount {
  static constexpr int count = kCount;
};

template <int kMost, typename Body>
ZT_INLINE void with_rows(int64_t count, Body&& body) {
  if (count == kMost) return body(RowCount<kMost>());
  if constexpr (kMost > 1) with_rows<kMost - 1>(count, static_cast<Body&&>(body));
}

}  // namespace zt::ZT_ISA
