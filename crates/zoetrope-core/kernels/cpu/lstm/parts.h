// The LSTM's forward and backward passes share this file: sizes, and the one micro-kernel of all their products.
#pragma once

#include "../simd/simd.h"
#include "lstm.h"

namespace zt::ZT_ISA {

constexpr int kPanel = 2 * kWidth;                //   columns of a packed panel
constexpr int kRows = kRegisters == 32 ? 12 : 6;  //   rows of the micro-kernel: kRows * 2 vectors of sums
constexpr int64_t kMaxPanel = 32, kMaxRows = 12;  //   of any instruction set
constexpr int64_t kDepth = 256;                   //  features of a block: its panel (16 KiB with AVX2) stays in L1

// Cuts a workspace into arrays, each of whole cache lines. From nullptr it only counts.
class Cutter {
 public:
  explicit Cutter(float* begin) : begin_(begin), at_(begin) {}

  float* take(int64_t count) {
    float* const here = at_;
    at_ += round_up(count, 16);
    return here;
  }

  int32_t* take_integers(int64_t count) { return reinterpret_cast<int32_t*>(take(count)); }

  // Floats cut so far.
  int64_t size() const { return at_ - begin_; }

 private:
  float* begin_;
  float* at_;
};

// A layer as it is computed: rows are the frames, clip after clip.
//
// The forget gate multiplies the cell state before the step, which is zero at the first step. When every clip has one
// step only, nothing depends on that gate. It is then neither computed nor stored, and the gradients of its weights are
// zero.
struct LstmSizes {
  int64_t batch, time, features, hidden, rows;
  int64_t gates;  //  that are computed: 4 * hidden, or 3 * hidden
  const int64_t* offsets;
  bool reverse, last_only;

  explicit LstmSizes(const zt_lstm_shape& s)
      : batch(s.batch),
        time(s.time),
        features(s.features),
        hidden(s.hidden),
        rows(s.offsets != nullptr ? s.offsets[s.batch] : s.batch * s.time),
        gates((s.time > 1 ? 4 : 3) * s.hidden),
        offsets(s.offsets),
        reverse(s.reverse),
        last_only(s.last_only) {}

  bool forgets() const { return time > 1; }
  // Where the cell and the output gate lie in a row of gates, after the input gate and perhaps the forget gate.
  int64_t cell_gate() const { return gates - 2 * hidden; }
  int64_t output_gate() const { return gates - hidden; }
  // The row of W_ih, W_hh and the biases that belongs to a computed gate.
  int64_t weight_row(int64_t gate) const { return gate < hidden || forgets() ? gate : gate + hidden; }
  int64_t length(int64_t clip) const { return offsets != nullptr ? offsets[clip + 1] - offsets[clip] : time; }
  // The row of a clip's step number `step` in the order of computation.
  int64_t row(int64_t clip, int64_t step) const {
    const int64_t begin = offsets != nullptr ? offsets[clip] : clip * time;
    return begin + (reverse ? length(clip) - 1 - step : step);
  }
  // Where the output at that step lies in y and dy, or -1 when the step has no output.
  int64_t output(int64_t clip, int64_t step) const {
    return !last_only ? row(clip, step) : step + 1 == length(clip) ? clip : -1;
  }
};

// The clips in the order in which the recurrence takes them, the longest first. Clips that share a tile then have about
// as many steps, and the clips still running are the first of the tile. The sorting uses `counts`, of time + 1.
ZT_INLINE void sort_by_length(const LstmSizes& z, int32_t* counts, int32_t* order) {
  for (int64_t length = 0; length <= z.time; ++length) counts[length] = 0;
  for (int64_t clip = 0; clip < z.batch; ++clip) ++counts[z.length(clip)];
  for (int64_t length = z.time, longer = 0; length >= 0; --length) {
    const int32_t count = counts[length];
    counts[length] = static_cast<int32_t>(longer);  //  from here on: the place of the next clip of that length
    longer += count;
  }
  for (int64_t clip = 0; clip < z.batch; ++clip) order[counts[z.length(clip)]++] = static_cast<int32_t>(clip);
}

// The number of groups into which the batch is divided, the long clips first. A group has at most `most` clips, and
// each thread gets as many groups.
ZT_INLINE int64_t num_groups(const LstmSizes& z, int64_t most, int64_t threads) {
  return smaller(round_up(ceil_div(z.batch, most), threads), z.batch);
}

// How many of `count` clips, longest first, have more than `steps` steps.
ZT_INLINE int64_t longer_than(const LstmSizes& z, const int32_t* clips, int64_t count, int64_t steps) {
  while (count > 0 && z.length(clips[count - 1]) <= steps) --count;
  return count;
}

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
  static int64_t size(const LstmSizes& z) { return z.rows * (z.gates + (z.forgets() ? 3 : 2) * z.hidden); }
};

// c [m][columns] = a [m][depth] · b [depth][columns]. Rows of a and c are a_stride and c_stride apart, of b b_stride.
// Where `skip` > 0, row i of `skipping` (b or c) is row i + skip of the array, from i = skip on.
enum class Skipping { b, c };

struct Product {
  int64_t m, depth, columns;
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
  int64_t skip;  //
  Skipping skipping;

  int64_t row_of(Skipping array, int64_t i) const { return array == skipping && i >= skip ? i + skip : i; }
};

// A tile of a long product is a function of its own. If it were inlined, there would be too few registers for its row
// pointers.
#define ZT_NOINLINE static __attribute__((noinline))

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
