// The forward pass of one layer: the projection of all steps (project.h), then step by step h · W_hhᵀ and the gates
// (cells.h); without the product at the first step.
//
// A group of clips goes through its steps side by side. W_hh is packed into panels of one gate for kPanel units. The
// panels of these units' gates are multiplied one after the other, each by all clips of the group, and the gates are
// computed while the products lie in L1.
//
// Cost of an LSTM: 8·rows·features·hidden + 8·rows·hidden² FLOPs; where every clip is a single step
// 6·rows·features·hidden. Of a GRU: 6·rows·hidden·(features + hidden).
#include <omp.h>

#include "amx.h"
#include "cells.h"
#include "project.h"
#include "schedule.h"

namespace zt::ZT_ISA {
namespace {

struct Workspace {
  float *x, *sums, *w_hh[2], *gates, *cells, *hidden, *products;
  StepRow* step_rows;
  int32_t *counts, *order;
  int64_t own;            //  floats of x that are one thread's, on the tile unit
  int64_t most_clips;     //  of a group
  int64_t products_size;  //  floats of a thread's products
  int64_t size;

  Workspace(const Sizes& z, int threads, float* at) {
    Cutter cut(at);
    const Schedule schedule(z, threads);
    most_clips = schedule.most_clips(z);
    products_size = most_clips * z.recurrent_blocks() * kPanel;
    own = takes_tiles(z) ? amx::project_workspace(z) : 0;
    x = cut.take(takes_tiles(z) ? threads * own : project_x(z));
    sums = cut.take(project_sums(z));
    for (int64_t direction = 0; direction < z.directions; ++direction) w_hh[direction] = cut.take(Packed::w_hh_size(z));
    gates = cut.take(z.directions * z.rows * z.gates);  //    these three only where nothing is saved
    cells = cut.take(z.directions * z.batch * z.hidden);
    hidden = cut.take(z.directions * z.batch * z.hidden * 2);
    products = cut.take(threads * products_size);
    step_rows = cut.take_of<StepRow>(threads * most_clips);
    counts = cut.take_of<int32_t>(z.time + 1);
    order = cut.take_of<int32_t>(z.batch);
    size = cut.size();
  }
};

// Products of some clips' hidden states and kTogether panels: out [clip][gate][kPanel].
template <int kCount, int kTogether>
ZT_NOINLINE void hidden_tile(const StepRow* rows, const float* panels, int64_t depth, float* out, int64_t stride) {
  const float* hidden[kCount];
  for (int r = 0; r < kCount; ++r) hidden[r] = rows[r].hidden;
  VF sums[kCount][2 * kTogether];
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < 2 * kTogether; ++v) sums[r][v] = zero();
  multiply_add(hidden, panels, depth * kPanel, depth, sums);
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < 2 * kTogether; ++v) store(out + r * stride + v * kWidth, sums[r][v]);
}

// How many of kGates panels a tile of so many rows takes: few rows would leave the multiplier waiting for sums.
template <int kGates>
constexpr int panels_together(int rows) {
  int together = kGates;
  while (together > 1 && (rows * 2 * together > kMaxSums || kGates % together != 0)) --together;
  return together;
}

// Products of `count` clips with the panels of kPanel units.
template <int kGates>
void multiply_hidden(const StepRow* rows, int64_t count, const float* panels, int64_t depth, float* products) {
  constexpr int64_t kStride = kGates * kPanel;
  if (count > kRows) {
    for (int gate = 0; gate < kGates; ++gate)
      for_tiles(count, [&](auto constant, int64_t first) {
        hidden_tile<decltype(constant)::count, 1>(rows + first, panels + gate * depth * kPanel, depth,
                                                  products + first * kStride + gate * kPanel, kStride);
      });
    return;
  }
  with_rows<kRows>(count, [&](auto constant) {
    constexpr int kCount = decltype(constant)::count, kTogether = panels_together<kGates>(kCount);
    for (int gate = 0; gate < kGates; gate += kTogether)
      hidden_tile<kCount, kTogether>(rows, panels + gate * depth * kPanel, depth, products + gate * kPanel, kStride);
  });
}

struct Recurrence {
  const Sizes& z;
  const Workspace& w;
  const zt_recurrent_weights* weights;
  float *y, *saved;

  StepRow row_of(int64_t direction, int64_t clip, int64_t step) const {
    const int64_t row = z.row(direction, clip, step), output = z.output(direction, clip, step);
    StepRow at = {};
    at.y = output < 0 ? nullptr : y + output;
    if (saved != nullptr) {
      const Saved keep(z, saved, direction);
      at.gates = keep.gates + row * z.gates;
      at.inner = keep.inner + row * z.hidden;
      at.cells = keep.cells + row * z.hidden;
      if (step > 0) {
        at.hidden = keep.before + row * z.hidden;
        at.cells_before = keep.cells + z.row(direction, clip, step - 1) * z.hidden;
      }
      if (step + 1 < z.length(clip)) at.next_hidden = keep.before + z.row(direction, clip, step + 1) * z.hidden;
    } else {
      const int64_t place = direction * z.batch + clip;
      at.gates = w.gates + (direction * z.rows + row) * z.gates;
      at.cells = w.cells + place * z.hidden;
      if (step > 0) {
        at.hidden = w.hidden + (place * 2 + step % 2) * z.hidden;
        at.cells_before = at.cells;
      }
      at.next_hidden = w.hidden + (place * 2 + (step + 1) % 2) * z.hidden;
    }
    return at;
  }

  // Units begin … end of a group's clips, longest first, through all their steps.
  template <int kGates, typename Cell, typename AfterStep>
  void run(const Group& group, int64_t begin, int64_t end, const Cell& cell, const AfterStep& after_step) const {
    const int64_t thread = omp_get_thread_num();
    StepRow* const rows = w.step_rows + thread * w.most_clips;
    float* const products = w.products + thread * w.products_size;
    const float* const packed = Packed(z, weights[group.direction].packed).w_hh;
    const float* const w_hh = packed != nullptr ? packed : w.w_hh[group.direction];
    int64_t count = group.size();
    for (int64_t step = 0; step < group.steps(); ++step) {
      count = group.longer_than(count, step);
      for (int64_t i = 0; i < count; ++i) rows[i] = row_of(group.direction, group.clip(i), step);
      if (step == 0 && saved != nullptr && z.recurs()) clear_before(group, begin, end);
      for (int64_t unit = begin; unit < end; unit += kPanel) {
        if (step > 0) multiply_hidden<kGates>(rows, count, w_hh + unit * kGates * z.hidden, z.hidden, products);
        for (int64_t i = 0; i < count; ++i)
          for (int v = 0; v < 2 && unit + v * kWidth < z.hidden; ++v)
            cell(rows[i], step > 0 ? products + i * kGates * kPanel + v * kWidth : nullptr, unit + v * kWidth);
      }
      after_step();
    }
  }

  // The gradient of W_hh reads the zeros before the first step.
  void clear_before(const Group& group, int64_t begin, int64_t end) const {
    float* const before = Saved(z, saved, group.direction).before;
    for (int64_t i = 0; i < group.size(); ++i) {
      float* const row = before + z.row(group.direction, group.clip(i), 0) * z.hidden;
      for (int64_t unit = begin; unit < end; ++unit) row[unit] = 0;
    }
  }
};

void project_all(const Sizes& z, const float* x, const zt_recurrent_weights* weights, float* saved,
                 const Workspace& w) {
  const int64_t most = chunk_rows(z);
  for (int64_t first = 0; first < z.rows; first += most) {
    Chunk chunk = {z, x + first * z.features, smaller(most, z.rows - first), weights, {}};
    for (int64_t direction = 0; direction < z.directions; ++direction)
      chunk.gates[direction] =
          (saved != nullptr ? Saved(z, saved, direction).gates : w.gates + direction * z.rows * z.gates) +
          first * z.gates;
    if (takes_tiles(z)) {
      amx::project(chunk, w.sums, w.x + omp_get_thread_num() * w.own);
#pragma omp barrier
    } else if (weights[0].packed != nullptr) {
      project_packed(chunk);
#pragma omp barrier
    } else {
      project(chunk, w.x, w.sums);
    }
  }
}

}  // namespace

size_t recurrent_saved(const zt_recurrent_shape& s) {
  const Sizes z(s);
  return z.directions * Saved::size(z);
}

size_t recurrent_forward_workspace(const zt_recurrent_shape& s, int threads) {
  return Workspace(Sizes(s), threads, nullptr).size;
}

size_t recurrent_packed(const zt_recurrent_shape& s) {
  const Sizes z(s);
  return Packed::pays(z) ? Packed::w_ih_size(z) + Packed::w_hh_size(z) : 0;
}

size_t recurrent_pack_workspace(const zt_recurrent_shape& s, int threads) { return threads * kPanel * s.features; }

void recurrent_pack(const zt_recurrent_shape& s, const float* w_ih, const float* w_hh, int64_t pixels, float* packed,
                    float* workspace, int threads) {
  const Sizes z(s);
  const WeightRows rows = {z, w_ih, pixels};
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const own = workspace + omp_get_thread_num() * kPanel * z.features;
    if (takes_tiles(z))
      amx::pack_w_ih(rows, packed, own);
    else
      pack_w_ih(rows, packed, own);
    if (z.recurs()) pack_w_hh(z, w_hh, packed + Packed::w_ih_size(z));
  }
}

void recurrent_forward(const zt_recurrent_shape& s, const float* x, const zt_recurrent_weights* weights, float* y,
                       float* saved, float* workspace, int threads) {
  const Sizes z(s);
  const Schedule schedule(z, threads);
  const Workspace w(z, threads, workspace);
  const Recurrence recurrence = {z, w, weights, y, saved};
  sort_by_length(z, w.counts, w.order);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    for (int64_t direction = 0; direction < z.directions; ++direction)
      if (z.recurs() && weights[direction].packed == nullptr) pack_w_hh(z, weights[direction].w_hh, w.w_hh[direction]);
    project_all(z, x, weights, saved, w);
    share_recurrence(z, schedule, w.order, [&](const Group& group, int64_t begin, int64_t end, const auto& after_step) {
      if (z.is_gru) {
        const float* const bias = weights[group.direction].b_hh + 2 * z.hidden;
        const auto cell = [&](const StepRow& row, const float* products, int64_t unit) {
          gru_step(z, row, products, bias, unit);
        };
        recurrence.run<3>(group, begin, end, cell, after_step);
      } else {
        const auto cell = [&](const StepRow& row, const float* products, int64_t unit) {
          lstm_step(z, row, products, unit);
        };
        recurrence.run<4>(group, begin, end, cell, after_step);
      }
    });
  }
}

}  // namespace zt::ZT_ISA
