// The backward pass of one layer, through all its steps (cells.h), then the gradients that are sums over all rows:
//
//   dx = d · W_ih      dW_ih = dᵀ · x      dW_hh = dᵀ · h'      db = Σ d          each once, by a long product
//
// In the recurrence a group of clips goes through its steps side by side, and a clip joins at its own last step. What a
// step passes on to the one before is d · W_hh. The three long products are shared by all threads, and no sum is split.
//
// A GRU's reset gate multiplies the hidden part of `new`, so that its gradient with respect to the hidden state is
// another one, dm, and d has four parts: dr, dz, dn, dm. The first three belong to x, the last to the hidden state
// instead of dn.
//
// Cost of an LSTM: 16·rows·hidden·(features + hidden) FLOPs, less without dx; 16·hidden·features bytes read, as many
// written. Of a GRU three quarters.
#include <omp.h>

#include "../simd/product.h"
#include "../simd/transpose.h"
#include "cells.h"
#include "schedule.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kTilesDepth = 16;  //  a product of fewer rows of b would leave most of a tile empty

// W_hh as what passes gradients back: kPanel hidden units' columns, of all gates.
Panels passing_panels(const Sizes& z) { return {z.hidden, 1, z.weight_rows()}; }

struct Workspace {
  float *gradients, *transposed, *w_hh[2], *carried, *passed, *zeros, *products, *panels, *after_parts;
  BackwardRow* step_rows;
  const float** after_rows;
  int32_t *counts, *order;
  int64_t most_clips;         //  of a group
  int64_t products_size;      //  floats of a thread's products
  int64_t after_size;         //  and of its parts of what steps pass on, on the tile unit
  int64_t panel;              //  floats of a thread's packed block
  int64_t passed_stride;      //  of a clip's: rows of a power of two would share a few cache sets
  int64_t transposed_stride;  //  the same
  int64_t size;

  Workspace(const Sizes& z, int threads, float* at) {
    Cutter cut(at);
    most_clips = Schedule(z, threads).most_clips(z);
    gradients = cut.take(z.directions * z.rows * z.gradients());
    transposed_stride = odd_lines(z.rows);
    transposed = cut.take(takes_tiles(z) && z.rows >= kTilesDepth ? 0 : transposed_stride * z.gradients());
    for (int64_t direction = 0; direction < z.directions; ++direction)
      w_hh[direction] = cut.take(!z.recurs()         ? 0
                                 : steps_on_tiles(z) ? amx::panel_parts(passing_panels(z))
                                                     : passing_panels(z).size());
    carried = cut.take(z.directions * z.batch * z.hidden);
    passed_stride = z.weight_rows() + kLine;
    passed = cut.take(z.recurs() ? z.directions * z.batch * passed_stride * 2 : 0);
    zeros = cut.take(kPanel);
    products_size = round_up(most_clips, steps_on_tiles(z) ? kMaxPanel : 1) * kPanel;
    products = cut.take(threads * products_size);
    after_size = steps_on_tiles(z) ? amx::row_parts(most_clips, z.weight_rows()) : 0;
    after_parts = cut.take(threads * after_size);
    panel = takes_tiles(z) ? larger(kProductWorkspace, amx::multiply_workspace()) : kProductWorkspace;
    panels = cut.take(panel * threads);
    step_rows = cut.take_of<BackwardRow>(threads * most_clips);
    after_rows = cut.take_of<const float*>(threads * most_clips);
    counts = cut.take_of<int32_t>(z.time + 1);
    order = cut.take_of<int32_t>(z.batch);
    size = cut.size();
  }
};

void pack_passing(const Sizes& z, const float* w_hh, float* out) {
  const Panels p = passing_panels(z);
  if (steps_on_tiles(z)) return amx::pack_panels(p, w_hh, out);
#pragma omp for schedule(static)
  for (int64_t panel = 0; panel < p.count(); ++panel)
    for (int64_t k = 0; k < p.depth; k += kDepth)
      pack_panel(w_hh + k * z.hidden + panel * kPanel, z.hidden, smaller(kDepth, p.depth - k),
                 z.hidden - panel * kPanel, out + p.at(k, panel));
}

struct Recurrence {
  const Sizes& z;
  const Workspace& w;
  const float *saved, *dy;

  BackwardRow row_of(int64_t direction, int64_t clip, int64_t step) const {
    const Saved keep(z, const_cast<float*>(saved), direction);
    const int64_t row = z.row(direction, clip, step), output = z.output(direction, clip, step);
    float* const gradients = w.gradients + direction * z.rows * z.gradients();
    BackwardRow at = {};
    at.gates = keep.gates + row * z.gates;
    at.inner = keep.inner + row * z.hidden;
    at.dy = output < 0 ? nullptr : dy + output;
    at.carried = w.carried + (direction * z.batch + clip) * z.hidden;
    at.gradients = gradients + row * z.gradients();
    if (step > 0)
      at.before = z.is_gru ? keep.before + row * z.hidden : keep.cells + z.row(direction, clip, step - 1) * z.hidden;
    float* const passed = w.passed + (direction * z.batch + clip) * 2 * w.passed_stride;
    if (step > 0) at.passed = passed + step % 2 * w.passed_stride;
    if (step + 1 < z.length(clip)) at.after = passed + (step + 1) % 2 * w.passed_stride;
    return at;
  }

  // Units begin … end of a group's clips, longest first, from their last step to the first.
  template <typename Cell, typename AfterStep>
  void run(const Group& group, int64_t begin, int64_t end, const Cell& cell, const AfterStep& after_step) const {
    const int64_t thread = omp_get_thread_num();
    BackwardRow* const rows = w.step_rows + thread * w.most_clips;
    const float** const after_rows = w.after_rows + thread * w.most_clips;
    float* const products = w.products + thread * w.products_size;
    float* const parts = w.after_parts + thread * w.after_size;
    const float* const w_hh = w.w_hh[group.direction];
    const bool on_tiles = steps_on_tiles(z);
    const amx::TileUnit unit_of_tiles(on_tiles);
    for (int64_t step = group.steps() - 1; step >= 0; --step) {
      const int64_t here = group.longer_than(group.size(), step), going = group.longer_than(here, step + 1);
      for (int64_t i = 0; i < here; ++i) {
        rows[i] = row_of(group.direction, group.clip(i), step);
        after_rows[i] = rows[i].after;
      }
      if (on_tiles && going > 0) amx::pack_clips(after_rows, going, z.weight_rows(), parts);
      for (int64_t unit = begin; unit < end; unit += kPanel) {
        if (going > 0 && on_tiles)
          amx::multiply_panels<1>(passing_panels(z), w_hh, unit / kPanel, parts, going, nullptr, products);
        else if (going > 0)
          multiply_panels<1>(passing_panels(z), w_hh, unit / kPanel, after_rows, going, w.zeros, products);
        for (int64_t i = 0; i < here; ++i) {
          if (i + kClipsAhead < here) fetch(z, rows[i + kClipsAhead], unit);
          for (int v = 0; v < 2 && unit + v * kWidth < z.hidden; ++v)
            cell(rows[i], i < going ? load(products + i * kPanel + v * kWidth) : zero(), unit + v * kWidth);
        }
      }
      after_step();
    }
  }
};

// transposed [gradients][stride] of gradients [rows][gradients].
void transpose(const Sizes& z, const float* gradients, float* transposed, int64_t stride) {
  const int64_t all = z.gradients();
#pragma omp for schedule(static)
  for (int64_t gate = 0; gate < all; gate += kPanel)
    transpose_floats(gradients + gate, all, z.rows, smaller(kPanel, all - gate), transposed + gate * stride, stride);
}

// The biases' gradients: sums over rows.
void sum_biases(const Sizes& z, const float* gradients, const zt_recurrent_gradients& out) {
  constexpr int64_t kTogether = 4 * kPanel;
  const int64_t all = z.gradients();
#pragma omp for schedule(static)
  for (int64_t gate = 0; gate < all; gate += kTogether) {
    const int64_t count = smaller(kTogether, all - gate);
    VF sums[kTogether / kWidth] = {};
    for (int64_t row = 0; row < z.rows; ++row)
      for (int64_t v = 0; v < kTogether / kWidth; ++v)
        sums[v] += load_first(gradients + row * all + gate + v * kWidth, larger(count - v * kWidth, 0));
    float lanes[kTogether];
    for (int64_t v = 0; v < kTogether / kWidth; ++v) store(lanes + v * kWidth, sums[v]);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t of = gate + i;
      if (out.b_ih != nullptr && of < z.gates) out.b_ih[z.weight_row(of)] = lanes[i];
      if (out.b_hh == nullptr) continue;
      if (!z.is_gru || of < 2 * z.hidden) out.b_hh[z.weight_row(of)] = lanes[i];
      if (of >= z.gates) out.b_hh[of - z.hidden] = lanes[i];
    }
  }
}

// `values` may be null; `from` is where the zeros begin.
void clear(float* values, int64_t from, int64_t count) {
  if (values == nullptr) return;
#pragma omp for schedule(static)
  for (int64_t i = 0; i < count; ++i) values[from + i] = 0;
}

// The long products of one direction. All threads come here; `packed` is the thread's.
void multiply_all(const Sizes& z, const float* x, const zt_recurrent_weights& weights, const float* saved,
                  int64_t direction, float* dx, const zt_recurrent_gradients& out, const Workspace& w, float* packed) {
  const int64_t width = z.gradients(), moved = z.left_out() > 0 ? z.hidden : INT64_MAX;
  const float* const gradients = w.gradients + direction * z.rows * width;
  const bool tiles_rows = takes_tiles(z) && z.rows >= kTilesDepth;  //  in sums over rows
  if (!tiles_rows && (out.w_ih != nullptr || out.w_hh != nullptr))
    transpose(z, gradients, w.transposed, w.transposed_stride);
  sum_biases(z, gradients, out);
  const auto sum_over_rows = [&](const Product& p, const amx::Columns& of_gradients) {
    tiles_rows ? amx::multiply(p, &of_gradients, packed) : multiply(p, packed);
  };
  const Rows<const float> of_x(w.transposed, w.transposed_stride);
  if (out.w_ih != nullptr)
    sum_over_rows(
        {z.gates, z.rows, z.features, of_x, {x, z.features}, {out.w_ih, z.features, moved, z.left_out()}, false},
        {gradients, width, INT64_MAX, 0});
  if (z.recurs()) {
    const int64_t from = z.is_gru ? 2 * z.hidden : INT64_MAX;
    const Rows<const float> of_hidden(w.transposed, w.transposed_stride, from, z.hidden);
    const float* const before = Saved(z, const_cast<float*>(saved), direction).before;
    if (out.w_hh != nullptr)
      sum_over_rows({z.weight_rows(), z.rows, z.hidden, of_hidden, {before, z.hidden}, {out.w_hh, z.hidden}, false},
                    {gradients, width, from, z.hidden});
  } else {
    clear(out.w_hh, 0, z.weight_rows() * z.hidden);
    clear(out.w_ih, z.hidden * z.features, z.left_out() * z.features);
    clear(out.b_ih, z.hidden, z.left_out());
    clear(out.b_hh, z.hidden, z.left_out());
  }
  if (dx == nullptr) return;
  const Rows<const float> w_ih(weights.w_ih, z.features, moved, z.left_out());
  const Product of_dx = {z.rows, z.gates, z.features, {gradients, width}, w_ih, {dx, z.features}, direction > 0};
  takes_tiles(z) && z.gates >= kTilesDepth ? amx::multiply(of_dx, nullptr, packed) : multiply(of_dx, packed);
}

}  // namespace

size_t recurrent_backward_workspace(const zt_recurrent_shape& s, int threads) {
  return Workspace(Sizes(s), threads, nullptr).size;
}

void recurrent_backward(const zt_recurrent_shape& s, const float* x, const zt_recurrent_weights* weights,
                        const float* saved, const float* dy, float* dx, const zt_recurrent_gradients* gradients,
                        float* workspace, int threads) {
  const Sizes z(s);
  const Schedule schedule(z, threads);
  const Workspace w(z, threads, workspace);
  const Recurrence recurrence = {z, w, saved, dy};
  sort_by_length(z, w.counts, w.order);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < kPanel; ++i) w.zeros[i] = 0;
    for (int64_t direction = 0; direction < z.directions; ++direction)
      if (z.recurs()) pack_passing(z, weights[direction].w_hh, w.w_hh[direction]);
    share_recurrence(z, schedule, w.order, [&](const Group& group, int64_t begin, int64_t end, const auto& after_step) {
      const auto lstm = [&](const BackwardRow& row, VF product, int64_t unit) {
        lstm_step_back(z, row, product, unit);
      };
      const auto gru = [&](const BackwardRow& row, VF product, int64_t unit) { gru_step_back(z, row, product, unit); };
      if (z.is_gru)
        recurrence.run(group, begin, end, gru, after_step);
      else
        recurrence.run(group, begin, end, lstm, after_step);
    });
    float* const packed = w.panels + omp_get_thread_num() * w.panel;
    for (int64_t direction = 0; direction < z.directions; ++direction)
      multiply_all(z, x, weights[direction], saved, direction, dx, gradients[direction], w, packed);
  }
}

}  // namespace zt::ZT_ISA
