// The backward pass of one direction of one LSTM layer, through all its steps.
//
// With h = o tanh(c), c = f c' + i g, and dh and dc the gradients from the outputs and from the step after:
//
//   dh  = dy + d[after] · W_hh        dc += dh o (1 - tanh²(c))
//   d_i = dc g i (1 - i)              d_f = dc c' f (1 - f)
//   d_g = dc i (1 - g²)               d_o = dh tanh(c) o (1 - o)          the step before gets dc f
//
//   dx = d · W_ih      dW_ih = dᵀ · x      dW_hh = dᵀ · h'      db = Σ d          each once, over all rows
//
// In the recurrence each thread takes some clips, side by side, through all their steps. A clip joins at its own last
// step. The threads divide the columns of the three products, and no sum is split. The product for dx packs blocks of
// W_ih, and the product for dW_ih packs blocks of x. Their rows lie a page or more apart, and unpacked they would share
// a few cache sets.
//
// Cost: 16·rows·hidden·(features + hidden) FLOPs, less without dx; 16·hidden·features bytes read, as many written.
#include <omp.h>

#include "../simd/transpose.h"
#include "amx.h"
#include "parts.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kBlock = 128;      //  columns of a block of b, which is packed into L2
constexpr int64_t kMaxDepth = 256;   //  its rows
constexpr int64_t kTilesDepth = 16;  //  a product of fewer rows of b would leave most of a tile empty

struct Workspace {
  float *gradients, *transposed, *w_hh, *cells, *panels, *parts;
  int32_t *counts, *order;
  int64_t panel;  //  floats of a thread's packed block
  int64_t size;

  Workspace(const LstmSizes& z, int threads, float* at) {
    Cutter cut(at);
    gradients = cut.take(z.rows * z.gates);
    transposed = cut.take(z.rows * z.gates);
    w_hh = cut.take(z.forgets() ? z.gates * round_up(z.hidden, kMaxPanel) : 0);
    cells = cut.take(z.batch * z.hidden);
    panel = takes_tiles(z) ? larger(kBlock * kMaxDepth, amx::multiply_workspace()) : kBlock * kMaxDepth;
    panels = cut.take(panel * threads);
    parts = cut.take(
        !takes_tiles(z) ? 0 : larger(amx::multiply_parts(z.gates, z.rows), amx::multiply_parts(z.rows, z.gates)));
    counts = cut.take_integers(z.time + 1);
    order = cut.take_integers(z.batch);
    size = cut.size();
  }
};

// W_hh as [hidden / kPanel][4 * hidden][kPanel].
void pack_w_hh(const LstmSizes& z, const float* w_hh, float* out) {
#pragma omp for schedule(static)
  for (int64_t unit = 0; unit < z.hidden; unit += kPanel)
    pack_panel(w_hh + unit, z.hidden, z.gates, z.hidden - unit, out + unit * z.gates);
}

// Gradients of one clip's pre-activations at one step, for the units of one vector; `dh` comes from the step after.
ZT_INLINE void step_back(const LstmSizes& z, const LstmSaved& keep, int64_t clip, int64_t step, int64_t unit, VF dh,
                         const float* dy, const Workspace& w) {
  const int64_t left = z.hidden - unit, row = z.row(clip, step), output = z.output(clip, step);
  const float* const gates = keep.gates + row * z.gates + unit;
  const VF in = load_first(gates, left), cell = load_first(gates + z.cell_gate(), left);
  const VF out = load_first(gates + z.output_gate(), left);
  const VF tanh_c = load_first(keep.tanh_cells + row * z.hidden + unit, left);
  const VF one = broadcast(1.0f);
  if (output >= 0) dh += load_first(dy + output * z.hidden + unit, left);
  VF dc = dh * out * (one - tanh_c * tanh_c);
  float* const cells = w.cells + clip * z.hidden + unit;
  if (step + 1 < z.length(clip)) dc += load_first(cells, left);
  float* const d = w.gradients + row * z.gates + unit;
  store_first(d, dc * cell * in * (one - in), left);
  store_first(d + z.cell_gate(), dc * in * (one - cell * cell), left);
  store_first(d + z.output_gate(), dh * tanh_c * out * (one - out), left);
  if (!z.forgets()) return;
  const VF forget = load_first(gates + z.hidden, left);
  const VF before = step == 0 ? zero() : load_first(keep.cells + z.row(clip, step - 1) * z.hidden + unit, left);
  store_first(d + z.hidden, dc * before * forget * (one - forget), left);
  store_first(cells, dc * forget, left);
}

// `count` <= kRows clips, longest first, from their last step to the first.
void recur(const LstmSizes& z, const LstmSaved& keep, const int32_t* clips, int64_t count, const Workspace& w,
           const float* dy) {
  for (int64_t step = z.length(clips[0]) - 1; step >= 0; --step) {
    const int64_t going = longer_than(z, clips, count, step + 1), here = longer_than(z, clips, count, step);
    with_rows<kRows>(going, [&](auto constant) {
      constexpr int kCount = decltype(constant)::count;
      const float* after[kCount];
      for (int r = 0; r < kCount; ++r) after[r] = w.gradients + z.row(clips[r], step + 1) * z.gates;
      for (int64_t unit = 0; unit < z.hidden; unit += kPanel) {
        VF sums[kCount][2];
        for (int r = 0; r < kCount; ++r) sums[r][0] = sums[r][1] = zero();
        multiply_add(after, w.w_hh + unit * z.gates, z.gates, sums);
        for (int r = 0; r < kCount; ++r)
          for (int v = 0; v < 2 && unit + v * kWidth < z.hidden; ++v)
            step_back(z, keep, clips[r], step, unit + v * kWidth, sums[r][v], dy, w);
      }
    });
    for (int64_t r = going; r < here; ++r)  //  this is their last step
      for (int64_t unit = 0; unit < z.hidden; unit += kWidth) step_back(z, keep, clips[r], step, unit, zero(), dy, w);
  }
}

// transposed [gates][rows] of gradients [rows][gates], and their sums.
void transpose(const LstmSizes& z, const float* gradients, float* transposed, float* db) {
#pragma omp for schedule(static)
  for (int64_t gate = 0; gate < z.gates; gate += kPanel) {
    const int64_t count = smaller(kPanel, z.gates - gate);
    transpose_floats(gradients + gate, z.gates, z.rows, count, transposed + gate * z.rows, z.rows);
    VF sums[2] = {};
    for (int64_t row = 0; row < z.rows; ++row)
      for (int v = 0; v < 2; ++v)
        sums[v] += load_first(gradients + row * z.gates + gate + v * kWidth, larger(count - v * kWidth, 0));
    float lanes[kPanel];
    for (int v = 0; v < 2; ++v) store(lanes + v * kWidth, sums[v]);
    for (int64_t g = 0; g < count; ++g) db[z.weight_row(gate + g)] = lanes[g];
  }
}

ZT_NOINLINE void product_tile(const Product& p, int64_t row, int64_t k, int64_t depth, int64_t column,
                              const float* panel) {
  const float* a[kRows];
  float* c[kRows];
  for (int r = 0; r < kRows; ++r) {
    const int64_t i = smaller(row + r, p.m - 1);
    a[r] = p.a + i * p.a_stride + k;
    c[r] = p.c + p.row_of(Skipping::c, i) * p.c_stride + column;
  }
  const int64_t count = smaller(kRows, p.m - row), left = p.columns - column;
  VF sums[kRows][2];
  for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = zero();
  multiply_add(a, panel, depth, sums);
  for (int r = 0; r < count; ++r)
    for (int v = 0; v < 2 && v * kWidth < left; ++v) {
      if (k > 0) sums[r][v] += load_first(c[r] + v * kWidth, left - v * kWidth);
      store_first(c[r] + v * kWidth, sums[r][v], left - v * kWidth);
    }
}

// Columns begin … end of b's rows k … k + depth, into panels of kPanel: row by row, as they lie in memory.
void pack_block(const Product& p, int64_t k, int64_t depth, int64_t begin, int64_t end, float* packed) {
  for (int64_t i = 0; i < depth; ++i) {
    const float* const row = p.b + p.row_of(Skipping::b, k + i) * p.b_stride;
    for (int64_t column = begin; column < end; column += kPanel)
      pack_panel(row + column, 0, 1, p.columns - column, packed + (column - begin) * depth + i * kPanel);
  }
}

// Several lines of a row of c are written side by side, which is faster for the memory.
void multiply(const Product& p, float* packed) {
  const int64_t share = round_up(ceil_div(p.columns, omp_get_num_threads()), kPanel);
  const int64_t block = smaller(kBlock, share);
#pragma omp for schedule(dynamic)
  for (int64_t begin = 0; begin < p.columns; begin += block) {
    const int64_t end = smaller(begin + block, p.columns);
    for (int64_t k = 0; k < p.depth; k += kMaxDepth) {
      const int64_t depth = smaller(kMaxDepth, p.depth - k);
      pack_block(p, k, depth, begin, end, packed);
      for (int64_t row = 0; row < p.m; row += kRows)
        for (int64_t column = begin; column < end; column += kPanel)
          product_tile(p, row, k, depth, column, packed + (column - begin) * depth);
    }
  }
}

}  // namespace

size_t lstm_backward_workspace(const zt_lstm_shape& s, int threads) {
  return Workspace(LstmSizes(s), threads, nullptr).size;
}

void lstm_backward(const zt_lstm_shape& s, const float* x, const float* w_ih, const float* w_hh, const float* saved,
                   const float* dy, float* dx, float* dw_ih, float* dw_hh, float* db, float* workspace, int threads) {
  const LstmSizes z(s);
  const Workspace w(z, threads, workspace);
  const LstmSaved keep(z, const_cast<float*>(saved));
  const int64_t groups = num_groups(z, kRows, threads);
  const int64_t skip = z.forgets() ? 0 : z.hidden;  //  the forget gate's weights
  sort_by_length(z, w.counts, w.order);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const packed = w.panels + omp_get_thread_num() * w.panel;
    if (z.forgets()) pack_w_hh(z, w_hh, w.w_hh);
#pragma omp for schedule(dynamic)
    for (int64_t group = 0; group < groups; ++group) {
      const int64_t begin = z.batch * group / groups, end = z.batch * (group + 1) / groups;
      recur(z, keep, w.order + begin, end - begin, w, dy);
    }
    transpose(z, w.gradients, w.transposed, db);
    const auto product = [&](const Product& p) {
      if (takes_tiles(z) && p.depth >= kTilesDepth)
        amx::multiply(p, w.parts, packed);
      else
        multiply(p, packed);
    };
    product({z.gates, z.rows, z.features, w.transposed, z.rows, x, z.features, dw_ih, z.features, skip, Skipping::c});
    if (z.forgets()) {
      product(
          {z.gates, z.rows, z.hidden, w.transposed, z.rows, keep.before, z.hidden, dw_hh, z.hidden, 0, Skipping::c});
    } else {
#pragma omp for schedule(static)
      for (int64_t i = 0; i < 4 * z.hidden * z.hidden; ++i) dw_hh[i] = 0;
#pragma omp for schedule(static)
      for (int64_t i = z.hidden * z.features; i < 2 * z.hidden * z.features; ++i) dw_ih[i] = 0;
#pragma omp for schedule(static)
      for (int64_t i = z.hidden; i < 2 * z.hidden; ++i) db[i] = 0;
    }
    if (dx != nullptr)
      product({z.rows, z.gates, z.features, w.gradients, z.gates, w_ih, z.features, dx, z.features, skip, Skipping::b});
  }
}

}  // namespace zt::ZT_ISA
