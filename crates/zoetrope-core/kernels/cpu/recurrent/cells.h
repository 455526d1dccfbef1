// What an LSTM and a GRU do with one vector of units of one clip at one step, forward and backward.
//
// LSTM, with gates i f g o = p + h·W_hhᵀ, where p is the projection of the inputs:
//
//   c = σ(f) c' + σ(i) tanh(g)        h = σ(o) tanh(c)
//
//   dc += dh o (1 - tanh²(c))         di = dc g i (1 - i)      df = dc c' f (1 - f)
//   the step before gets dc f         dg = dc i (1 - g²)       do = dh tanh(c) o (1 - o)
//
// GRU, with gates r z n and the hidden part of n apart, m = W_hn h + b_hn:
//
//   h = (1 - σ(z)) n + σ(z) h'        n = tanh(p_n + σ(r) m)
//
//   dn = dh (1 - z) (1 - n²)          dr = dn m r (1 - r)      dz = dh (h' - n) z (1 - z)
//   the step before gets dh z         dm = dn r
#pragma once

#include "../simd/math.h"
#include "sizes.h"

namespace zt::ZT_ISA {

constexpr int64_t kClipsAhead = 4;     //  so many clips before a clip's turn its lines are fetched
constexpr int64_t kClipsTogether = 8;  //  clips whose gates are computed before their outputs are

// The arrays of one clip at one step, over units.
struct StepRow {
  float* gates;         //  of the projection, where that is made before; and the activated ones where they are saved
  const float* hidden;  //  before the step; null at the first step: zeros
  const float* cells_before;  //  the same
  float* cells;
  float* inner;        //  null: nothing is saved
  float* next_hidden;  //  null: nobody asks for it
  float* kept_hidden;  //  the same value, where it is saved; else null
  float* y;            //  null: not an output
};

// The lines of kPanel units come while others are computed: rows lie a whole clip apart, which no prefetcher follows.
template <int kLocality>
ZT_INLINE void fetch_panel(const float* units) {
  for (int64_t line = 0; line < kPanel; line += kLine) __builtin_prefetch(units + line, 0, kLocality);
}

// Fetches what a step of `row` reads and writes.
template <int kLocality>
ZT_INLINE void fetch(const Sizes& z, const StepRow& row, int64_t unit) {
  for (int64_t gate = 0; row.inner != nullptr && gate < z.gates; gate += z.hidden)
    fetch_panel<kLocality>(row.gates + gate + unit);
  const float* const others[] = {row.inner, row.cells, row.next_hidden, row.kept_hidden, row.y};
  for (const float* each : others)
    if (each != nullptr) fetch_panel<kLocality>(each + unit);
}

// What the gates of one vector of units are sums of.
struct Sums {
  const float* inputs;  //  the projection: block b of the computed gates is `stride` behind block b - 1
  int64_t stride;
  const float* products;  //  of W_hh and the hidden state, a panel for each gate; null at the first step: zeros

  VF input(int64_t block, int64_t left) const { return load_first(inputs + block * stride, left); }
  VF product(int64_t gate) const { return products != nullptr ? load(products + gate * kPanel) : zero(); }
};

ZT_INLINE void put_hidden(const StepRow& row, VF h, int64_t unit, int64_t left) {
  if (row.next_hidden != nullptr) store_first(row.next_hidden + unit, h, left);
  if (row.kept_hidden != nullptr) store_first(row.kept_hidden + unit, h, left);
  if (row.y != nullptr) store_first(row.y + unit, h, left);
}

// A step in two parts. In each an operation waits for the one before, and the core computes several clips side by side;
// for both parts at once it would not look far enough ahead. The first leaves two vectors, kPanel floats apart, in
// `between`: of an LSTM c and σ(o). They may take the place of the products.
template <bool kForgets>
ZT_INLINE void lstm_gates(const Sizes& z, const StepRow& row, const Sums& sums, int64_t unit, float* between) {
  constexpr int kBlocks = kForgets ? 4 : 3, kSigmoids = kBlocks - 1;
  const int64_t left = z.hidden - unit;
  VF gates[kSigmoids];  //  input, output, forget
  gates[0] = sums.input(0, left) + sums.product(0);
  gates[1] = sums.input(kBlocks - 1, left) + sums.product(3);
  if (kForgets) gates[kSigmoids - 1] = sums.input(1, left) + sums.product(1);
  sigmoids(gates);
  const VF cell = hyperbolic_tangent(sums.input(kBlocks - 2, left) + sums.product(2));
  VF c = gates[0] * cell;
  if (kForgets && row.cells_before != nullptr)
    c = fma(gates[kSigmoids - 1], load_first(row.cells_before + unit, left), c);
  store_first(row.cells + unit, c, left);
  if (row.inner != nullptr) {
    float* const saved = row.gates + unit;
    store_first(saved, gates[0], left);
    if (kForgets) store_first(saved + z.hidden, gates[kSigmoids - 1], left);
    store_first(saved + z.cell_gate(), cell, left);
    store_first(saved + z.output_gate(), gates[1], left);
  }
  store(between, c);
  store(between + kPanel, gates[1]);
}

ZT_INLINE void lstm_output(const Sizes& z, const StepRow& row, const float* between, int64_t unit) {
  const int64_t left = z.hidden - unit;
  const VF tanh_c = hyperbolic_tangent(load(between));
  if (row.inner != nullptr) store_first(row.inner + unit, tanh_c, left);
  put_hidden(row, load(between + kPanel) * tanh_c, unit, left);
}

// Of a GRU `between` has σ(z) and what n is the tanh of. `bias` is b_hh of `new`.
ZT_INLINE void gru_gates(const Sizes& z, const StepRow& row, const Sums& sums, const float* bias, int64_t unit,
                         float* between) {
  const int64_t left = z.hidden - unit;
  VF gates[] = {sums.input(0, left) + sums.product(0), sums.input(1, left) + sums.product(1)};
  sigmoids(gates);
  const VF reset = gates[0], update = gates[1], inner = load_first(bias + unit, left) + sums.product(2);
  if (row.inner != nullptr) {
    store_first(row.inner + unit, inner, left);
    store_first(row.gates + unit, reset, left);
    store_first(row.gates + z.hidden + unit, update, left);
  }
  store(between, update);
  store(between + kPanel, fma(reset, inner, sums.input(2, left)));
}

ZT_INLINE void gru_output(const Sizes& z, const StepRow& row, const float* between, int64_t unit) {
  const int64_t left = z.hidden - unit;
  const VF update = load(between), fresh = hyperbolic_tangent(load(between + kPanel));
  const VF before = row.hidden != nullptr ? load_first(row.hidden + unit, left) : zero();
  if (row.inner != nullptr) store_first(row.gates + 2 * z.hidden + unit, fresh, left);
  put_hidden(row, fma(update, before - fresh, fresh), unit, left);
}

// The arrays of one clip at one step of the backward pass, over units.
struct BackwardRow {
  const float *gates, *inner;  //  as they were saved
  const float* before;         //  c' of an LSTM, h' of a GRU; null at the first step: zeros
  const float* dy;             //  null: the step has no output
  const float* after;          //  the gradients of the step after that W_hh multiplies; null at a clip's last step
  float* carried;              //  in: what the step after passes on directly; out: what this step does
  float* gradients;            //  out: of an LSTM's gates in their order, or dn, dr, dz, dm
};

// Fetches what a step of `row` reads and writes.
template <int kLocality>
ZT_INLINE void fetch(const Sizes& z, const BackwardRow& row, int64_t unit) {
  for (int64_t gate = 0; gate < z.gates; gate += z.hidden) fetch_panel<kLocality>(row.gates + gate + unit);
  for (int64_t gate = 0; gate < z.gradients(); gate += z.hidden) fetch_panel<kLocality>(row.gradients + gate + unit);
  const float* const read[] = {row.inner, row.before, row.dy};
  for (const float* each : read)
    if (each != nullptr) fetch_panel<kLocality>(each + unit);
}

// `product` is what the step after passes on through W_hh.
ZT_INLINE void lstm_step_back(const Sizes& z, const BackwardRow& row, VF product, int64_t unit) {
  const int64_t left = z.hidden - unit;
  const float* const gates = row.gates + unit;
  const VF in = load_first(gates, left), cell = load_first(gates + z.cell_gate(), left);
  const VF out = load_first(gates + z.output_gate(), left), tanh_c = load_first(row.inner + unit, left);
  const VF one = broadcast(1.0f);
  const VF dh = row.dy != nullptr ? product + load_first(row.dy + unit, left) : product;
  VF dc = dh * out * (one - tanh_c * tanh_c);
  if (row.after != nullptr) dc += load_first(row.carried + unit, left);
  const VF d_in = dc * cell * in * (one - in), d_cell = dc * in * (one - cell * cell);
  const VF d_out = dh * tanh_c * out * (one - out);
  float* const d = row.gradients + unit;
  store_first(d, d_in, left);
  store_first(d + z.cell_gate(), d_cell, left);
  store_first(d + z.output_gate(), d_out, left);
  if (!z.forgets()) return;
  const VF forget = load_first(gates + z.hidden, left);
  const VF before = row.before != nullptr ? load_first(row.before + unit, left) : zero();
  const VF d_forget = dc * before * forget * (one - forget);
  store_first(d + z.hidden, d_forget, left);
  store_first(row.carried + unit, dc * forget, left);
}

ZT_INLINE void gru_step_back(const Sizes& z, const BackwardRow& row, VF product, int64_t unit) {
  const int64_t left = z.hidden - unit;
  const float* const gates = row.gates + unit;
  const VF reset = load_first(gates, left), update = load_first(gates + z.hidden, left);
  const VF fresh = load_first(gates + 2 * z.hidden, left), inner = load_first(row.inner + unit, left);
  const VF before = row.before != nullptr ? load_first(row.before + unit, left) : zero();
  const VF one = broadcast(1.0f);
  VF dh = row.dy != nullptr ? product + load_first(row.dy + unit, left) : product;
  if (row.after != nullptr) dh += load_first(row.carried + unit, left);
  const VF d_fresh = dh * (one - update) * (one - fresh * fresh), d_inner = d_fresh * reset;
  const VF d_reset = d_fresh * inner * reset * (one - reset),
           d_update = dh * (before - fresh) * update * (one - update);
  float* const d = row.gradients + unit;
  store_first(d, d_fresh, left);
  store_first(d + z.hidden, d_reset, left);
  store_first(d + 2 * z.hidden, d_update, left);
  store_first(d + 3 * z.hidden, d_inner, left);
  store_first(row.carried + unit, dh * update, left);
}

}  // namespace zt::ZT_ISA
