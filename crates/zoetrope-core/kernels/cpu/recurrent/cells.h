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

// The arrays of one clip at one step, over units.
struct StepRow {
  float* gates;               //  in: the projection; out, where it is saved: the activated gates
  const float* hidden;        //  before the step; null at the first step: zeros
  const float* cells_before;  //  the same
  float* cells;
  float* inner;        //  null: nothing is saved
  float* next_hidden;  //  null: nobody asks for it
  float* y;            //  null: not an output
};

// `products` are those of W_hh and the hidden state, a panel for each gate; null at the first step: zeros.
ZT_INLINE VF product_of(const float* products, int64_t gate) {
  return products != nullptr ? load(products + gate * kPanel) : zero();
}

ZT_INLINE void lstm_step(const Sizes& z, const StepRow& row, const float* products, int64_t unit) {
  const int64_t left = z.hidden - unit;
  float* const gates = row.gates + unit;
  const VF in = sigmoid(load_first(gates, left) + product_of(products, 0));
  const VF cell = hyperbolic_tangent(load_first(gates + z.cell_gate(), left) + product_of(products, 2));
  const VF out = sigmoid(load_first(gates + z.output_gate(), left) + product_of(products, 3));
  VF c = in * cell;
  if (z.forgets()) {
    const VF forget = sigmoid(load_first(gates + z.hidden, left) + product_of(products, 1));
    if (row.cells_before != nullptr) c = fma(forget, load_first(row.cells_before + unit, left), c);
    if (row.inner != nullptr) store_first(gates + z.hidden, forget, left);
  }
  const VF tanh_c = hyperbolic_tangent(c);
  const VF h = out * tanh_c;
  store_first(row.cells + unit, c, left);
  if (row.inner != nullptr) {
    store_first(row.inner + unit, tanh_c, left);
    store_first(gates, in, left);
    store_first(gates + z.cell_gate(), cell, left);
    store_first(gates + z.output_gate(), out, left);
  }
  if (row.next_hidden != nullptr) store_first(row.next_hidden + unit, h, left);
  if (row.y != nullptr) store_first(row.y + unit, h, left);
}

// `bias` is b_hh of `new`.
ZT_INLINE void gru_step(const Sizes& z, const StepRow& row, const float* products, const float* bias, int64_t unit) {
  const int64_t left = z.hidden - unit;
  float* const gates = row.gates + unit;
  const VF reset = sigmoid(load_first(gates, left) + product_of(products, 0));
  const VF update = sigmoid(load_first(gates + z.hidden, left) + product_of(products, 1));
  const VF inner = load_first(bias + unit, left) + product_of(products, 2);
  const VF fresh = hyperbolic_tangent(fma(reset, inner, load_first(gates + 2 * z.hidden, left)));
  const VF before = row.hidden != nullptr ? load_first(row.hidden + unit, left) : zero();
  const VF h = fma(update, before - fresh, fresh);
  if (row.inner != nullptr) {
    store_first(row.inner + unit, inner, left);
    store_first(gates, reset, left);
    store_first(gates + z.hidden, update, left);
    store_first(gates + 2 * z.hidden, fresh, left);
  }
  if (row.next_hidden != nullptr) store_first(row.next_hidden + unit, h, left);
  if (row.y != nullptr) store_first(row.y + unit, h, left);
}

// The arrays of one clip at one step of the backward pass, over units.
struct BackwardRow {
  const float *gates, *inner;  //  as they were saved
  const float* before;         //  c' of an LSTM, h' of a GRU; null at the first step: zeros
  const float* dy;             //  null: the step has no output
  const float* after;          //  the gradients of the step after; null at a clip's last step
  float* carried;              //  in: what the step after passes on directly; out: what this step does
  float* gradients;            //  out
};

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
  float* const d = row.gradients + unit;
  store_first(d, dc * cell * in * (one - in), left);
  store_first(d + z.cell_gate(), dc * in * (one - cell * cell), left);
  store_first(d + z.output_gate(), dh * tanh_c * out * (one - out), left);
  if (!z.forgets()) return;
  const VF forget = load_first(gates + z.hidden, left);
  const VF before = row.before != nullptr ? load_first(row.before + unit, left) : zero();
  store_first(d + z.hidden, dc * before * forget * (one - forget), left);
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
  const VF d_fresh = dh * (one - update) * (one - fresh * fresh);
  float* const d = row.gradients + unit;
  store_first(d, d_fresh * inner * reset * (one - reset), left);
  store_first(d + z.hidden, dh * (before - fresh) * update * (one - update), left);
  store_first(d + 2 * z.hidden, d_fresh, left);
  store_first(d + 3 * z.hidden, d_fresh * reset, left);
  store_first(row.carried + unit, dh * update, left);
}

}  // namespace zt::ZT_ISA
