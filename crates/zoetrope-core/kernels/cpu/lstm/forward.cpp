// The forward pass of one direction of one LSTM layer.
//
//   p[row]  = x[row] · W_ihᵀ + b_ih + b_hh                 one product for all steps
//   i,f,g,o = σ, σ, tanh, σ of p[row] + h · W_hhᵀ          step by step; without the product at the first
//   c       = f c + i g;  h = o tanh(c)
//
// The first product reads W_ih as it lies in memory: each weight is read once and broadcast. x is transposed into
// panels of kPanel rows. The weights are by far the larger matrix (hidden 128, 64x64 pixels: 33 MB), so they are not
// copied. The threads divide the weights.
//
// In the recurrence each thread takes some clips, side by side, through all their steps, so no thread waits for
// another. W_hh is packed so that one unit's four gates lie in the same tile. The gates are computed while the sums are
// in registers.
//
// Cost: 8·rows·features·hidden + 8·rows·hidden² FLOPs; where every clip is a single step 6·rows·features·hidden;
// 16·hidden·(features + hidden) bytes of weights read.
#include <omp.h>

#include "../simd/transpose.h"
#include "amx.h"
#include "../simd/math.h"
#include "packed.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kChunk = 256;                      //    rows of x for which a block of x stays in L2
constexpr int kStepRows = kRegisters == 32 ? 6 : 3;  //  clips of the recurrent tile: times 4 gates

// The number of rows in a chunk: whole panels, and about as many rows in each chunk.
int64_t chunk_rows(const LstmSizes& z) { return round_up(ceil_div(z.rows, ceil_div(z.rows, kChunk)), kMaxPanel); }

struct Workspace {
  float *x, *sums, *w_hh, *gates, *cells, *hidden;
  int32_t *counts, *order;
  int64_t own;  //  floats of x that are one thread's
  int64_t size;

  Workspace(const LstmSizes& z, int threads, float* at) {
    Cutter cut(at);
    const int64_t rows = smaller(z.rows, chunk_rows(z));
    own = takes_tiles(z) ? amx::project_workspace(z, rows) : 0;
    x = cut.take(takes_tiles(z) ? threads * own : round_up(rows, kMaxPanel) * z.features);
    sums = cut.take((z.gates + kMaxRows) * round_up(rows, kMaxPanel));
    w_hh = cut.take(z.forgets() ? 4 * z.hidden * round_up(z.hidden, 16) : 0);
    gates = cut.take(z.rows * z.gates);  //    these three only where nothing is saved
    cells = cut.take(z.batch * z.hidden);
    hidden = cut.take(z.batch * z.hidden * 2);
    counts = cut.take_integers(z.time + 1);
    order = cut.take_integers(z.batch);
    size = cut.size();
  }
};

// A chunk of x into panels: [features / kDepth][rows / kPanel][kDepth][kPanel], zeros for rows that do not exist.
void pack_x(const LstmSizes& z, const float* x, int64_t first, int64_t count, float* out) {
  const int64_t padded = round_up(count, kPanel);
#pragma omp for schedule(static)
  for (int64_t begin = 0; begin < z.features; begin += kDepth) {
    const int64_t depth = smaller(kDepth, z.features - begin);
    for (int64_t panel = 0; panel < padded; panel += kPanel) {
      float* const block = out + begin * padded + panel * depth;
      const int64_t rows = smaller(kPanel, count - panel);
      transpose_floats(x + (first + panel) * z.features + begin, z.features, rows, depth, block, kPanel);
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t r = rows; r < kPanel; ++r) block[k * kPanel + r] = 0;
    }
  }
}

// Adds one block of features to sums [gates][padded], for kRows weight rows. The sums of the first block begin with
// `biases`.
ZT_NOINLINE void project_tile(const float* const* weights, const float* x, int64_t depth, const float* biases,
                              float* sums, int64_t stride) {
  VF tile[kRows][2] = {};
  multiply_add(weights, x, depth, tile);
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < 2; ++v) {
      float* const at = sums + r * stride + v * kWidth;
      //  Block by block: a long sum would lose digits.
      store(at, (biases != nullptr ? broadcast(biases[r]) : load(at)) + tile[r][v]);
    }
}

// gates [rows, gates] = x · W_ihᵀ + b_ih + b_hh of a chunk of rows.
void project(const LstmSizes& z, const float* packed, const float* w_ih, const float* b_ih, const float* b_hh,
             int64_t first, int64_t count, float* sums, float* gates) {
  const int64_t padded = round_up(count, kPanel);
  constexpr int64_t kGroups = 4;  //  groups of kRows weights per task
#pragma omp for schedule(dynamic)
  for (int64_t task = 0; task < ceil_div(z.gates, kRows * kGroups); ++task) {
    const int64_t task_begin = task * kRows * kGroups, task_end = smaller(task_begin + kRows * kGroups, z.gates);
    for (int64_t begin = 0; begin < z.features; begin += kDepth) {
      const int64_t depth = smaller(kDepth, z.features - begin);
      for (int64_t panel = 0; panel < padded; panel += kPanel) {
        const float* const x = packed + begin * padded + panel * depth;
        for (int64_t gate = task_begin; gate < task_end; gate += kRows) {
          const float* weights[kRows];
          float biases[kRows];
          for (int r = 0; r < kRows; ++r) {
            const int64_t row = z.weight_row(smaller(gate + r, z.gates - 1));
            weights[r] = w_ih + row * z.features + begin;
            biases[r] = b_ih[row] + b_hh[row];
          }
          project_tile(weights, x, depth, begin == 0 ? biases : nullptr, sums + gate * padded + panel, padded);
        }
      }
    }
    transpose_floats(sums + task_begin * padded, padded, task_end - task_begin, count,
                     gates + first * z.gates + task_begin, z.gates);
  }
}

// W_hh as [hidden / kWidth][hidden][4 gates][kWidth]; zeros for units that do not exist.
void pack_w_hh(const LstmSizes& z, const float* w_hh, float* out) {
#pragma omp for schedule(static)
  for (int64_t unit = 0; unit < z.hidden; unit += kWidth) {
    float* const block = out + unit * z.hidden * 4;
    for (int64_t k = 0; k < z.hidden; k += 16)
      for (int64_t q = 0; q < 4; ++q)
        for (int64_t u = 0; u < kWidth; ++u) {
          const bool exists = unit + u < z.hidden;
          const float* const row = w_hh + (q * z.hidden + unit + u) * z.hidden;
          for (int64_t i = k; i < smaller(k + 16, z.hidden); ++i) block[(i * 4 + q) * kWidth + u] = exists ? row[i] : 0;
        }
  }
}

// Where a step reads and writes the values of one clip.
struct StepRow {
  float* gates;               //  in: the projection; out, where it is saved: the activated gates
  const float* hidden;        //  before the step
  const float* cells_before;  //  null at the first step: zeros
  float* cells;
  float* tanh_cells;   //  null: not saved
  float* next_hidden;  //  null: nobody asks for it
  float* y;            //  null: not an output
};

template <int kCount>
ZT_INLINE void step_tile(const LstmSizes& z, const StepRow* rows, const float* w_hh, int64_t unit) {
  const int64_t left = z.hidden - unit;
  VF sums[kCount][4];
  for (int r = 0; r < kCount; ++r) {
    const float* const gates = rows[r].gates + unit;
    sums[r][0] = load_first(gates, left);
    sums[r][1] = z.forgets() ? load_first(gates + z.hidden, left) : zero();
    sums[r][2] = load_first(gates + z.cell_gate(), left);
    sums[r][3] = load_first(gates + z.output_gate(), left);
  }
  if (rows[0].cells_before != nullptr) {
    const float* hidden[kCount];
    for (int r = 0; r < kCount; ++r) hidden[r] = rows[r].hidden;
    multiply_add(hidden, w_hh + unit * z.hidden * 4, z.hidden, sums);
  }
  for (int r = 0; r < kCount; ++r) {
    const StepRow& row = rows[r];
    const VF in = sigmoid(sums[r][0]), forget = sigmoid(sums[r][1]), out = sigmoid(sums[r][3]);
    const VF cell = hyperbolic_tangent(sums[r][2]);
    const VF before = row.cells_before != nullptr ? load_first(row.cells_before + unit, left) : zero();
    const VF c = fma(forget, before, in * cell);
    const VF tanh_c = hyperbolic_tangent(c);
    const VF h = out * tanh_c;
    store_first(row.cells + unit, c, left);
    if (row.tanh_cells != nullptr) {
      store_first(row.tanh_cells + unit, tanh_c, left);
      store_first(row.gates + unit, in, left);
      if (z.forgets()) store_first(row.gates + z.hidden + unit, forget, left);
      store_first(row.gates + z.cell_gate() + unit, cell, left);
      store_first(row.gates + z.output_gate() + unit, out, left);
    }
    if (row.next_hidden != nullptr) store_first(row.next_hidden + unit, h, left);
    if (row.y != nullptr) store_first(row.y + unit, h, left);
  }
}

// `count` <= kStepRows clips, longest first, through all their steps.
void recur(const LstmSizes& z, const int32_t* clips, int64_t count, const float* w_hh, const Workspace& w, float* y,
           float* saved) {
  const LstmSaved keep(z, saved);
  const int64_t steps = z.length(clips[0]);
  for (int64_t step = 0; step < steps; ++step) {
    count = longer_than(z, clips, count, step);
    StepRow rows[kStepRows];
    for (int64_t r = 0; r < count; ++r) {
      const int64_t clip = clips[r], row = z.row(clip, step), output = z.output(clip, step);
      StepRow& at = rows[r];
      if (saved != nullptr) {
        at.gates = keep.gates + row * z.gates;
        at.hidden = keep.before + row * z.hidden;
        at.cells_before = step == 0 ? nullptr : keep.cells + z.row(clip, step - 1) * z.hidden;
        at.cells = keep.cells + row * z.hidden;
        at.tanh_cells = keep.tanh_cells + row * z.hidden;
        at.next_hidden = step + 1 == z.length(clip) ? nullptr : keep.before + z.row(clip, step + 1) * z.hidden;
        if (step == 0 && z.forgets())
          for (int64_t j = 0; j < z.hidden; ++j) keep.before[row * z.hidden + j] = 0;
      } else {
        at.gates = w.gates + row * z.gates;
        at.hidden = w.hidden + (clip * 2 + step % 2) * z.hidden;
        at.cells = w.cells + clip * z.hidden;
        at.cells_before = step == 0 ? nullptr : at.cells;
        at.tanh_cells = nullptr;
        at.next_hidden = w.hidden + (clip * 2 + (step + 1) % 2) * z.hidden;
      }
      at.y = output < 0 ? nullptr : y + output * z.hidden;
    }
    with_rows<kStepRows>(count, [&](auto constant) {
      for (int64_t unit = 0; unit < z.hidden; unit += kWidth) step_tile<decltype(constant)::count>(z, rows, w_hh, unit);
    });
  }
}

}  // namespace

size_t lstm_saved(const zt_lstm_shape& s) { return LstmSaved::size(LstmSizes(s)); }

size_t lstm_forward_workspace(const zt_lstm_shape& s, int threads) {
  return Workspace(LstmSizes(s), threads, nullptr).size;
}

size_t lstm_packed(const zt_lstm_shape& s) {
  const LstmSizes z(s);
  return LstmPacked::pays(z) ? LstmPacked::w_ih_size(z) + LstmPacked::w_hh_size(z) : 0;
}

size_t lstm_pack_workspace(const zt_lstm_shape& s, int threads) { return threads * kPanel * s.features; }

void lstm_pack(const zt_lstm_shape& s, const float* w_ih, const float* w_hh, int64_t pixels, float* packed,
               float* workspace, int threads) {
  const LstmSizes z(s);
  const WeightRows rows = {z, w_ih, pixels};
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const own = workspace + omp_get_thread_num() * kPanel * z.features;
    if (takes_tiles(z))
      amx::pack_w_ih(rows, packed, own);
    else
      pack_w_ih(rows, packed, own);
    if (z.forgets()) pack_w_hh(z, w_hh, packed + LstmPacked::w_ih_size(z));
  }
}

void lstm_forward(const zt_lstm_shape& s, const float* x, const float* w_ih, const float* w_hh, const float* b_ih,
                  const float* b_hh, const float* packed, float* y, float* saved, float* workspace, int threads) {
  const LstmSizes z(s);
  const Workspace w(z, threads, workspace);
  const LstmPacked given(z, packed);
  float* const gates = saved != nullptr ? LstmSaved(z, saved).gates : w.gates;
  const int64_t groups = num_groups(z, kStepRows, threads);
  sort_by_length(z, w.counts, w.order);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    if (z.forgets() && packed == nullptr) pack_w_hh(z, w_hh, w.w_hh);
    const int64_t chunk = chunk_rows(z);
    for (int64_t first = 0; first < z.rows; first += chunk) {
      const int64_t count = smaller(chunk, z.rows - first);
      const float* const chunk_x = x + first * z.features;
      float* const chunk_gates = gates + first * z.gates;
      if (takes_tiles(z)) {
        amx::project(z, chunk_x, w_ih, given.w_ih, b_ih, b_hh, count, w.sums, chunk_gates,
                     w.x + omp_get_thread_num() * w.own);
#pragma omp barrier
      } else if (packed != nullptr) {
        project_packed(z, chunk_x, given.w_ih, b_ih, b_hh, count, chunk_gates);
#pragma omp barrier
      } else {
        pack_x(z, x, first, count, w.x);
        project(z, w.x, w_ih, b_ih, b_hh, first, count, w.sums, gates);
      }
    }
#pragma omp for schedule(dynamic)
    for (int64_t group = 0; group < groups; ++group) {
      const int64_t begin = z.batch * group / groups, end = z.batch * (group + 1) / groups;
      recur(z, w.order + begin, end - begin, packed != nullptr ? given.w_hh : w.w_hh, w, y, saved);
    }
  }
}

}  // namespace zt::ZT_ISA
