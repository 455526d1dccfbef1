// The forward pass of one layer: step by step the projection of the inputs (project.h), h · W_hhᵀ and the gates
// (cells.h); without the product at the first step.
//
// A group of clips goes through its steps side by side. The weights are packed into panels of one gate for kPanel units
// (panels.h). The panels of these units' gates are multiplied one after the other, each by all clips of the group, and
// the gates are computed while the products lie in L1.
//
// The inputs of a span of steps are projected just before these steps, for all clips of the group at once, and stay in
// the core's caches. Only with a large W_ih is the projection of all steps made before, by one product of all threads.
//
// Cost of an LSTM: 8·rows·features·hidden + 8·rows·hidden² FLOPs; where every clip is a single step
// 6·rows·features·hidden. Of a GRU: 6·rows·hidden·(features + hidden).
#include <omp.h>

#include "amx.h"
#include "cells.h"
#include "project.h"
#include "schedule.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {
namespace {

// Steps of a span: W_ih is read for so many rows at once. The tile unit is faster than memory brings a W_ih that does
// not stay in L2, so it takes more rows than vectors do.
int64_t steps_of_span(const Sizes& z, int64_t clips) {
  const int64_t weights = z.gates * z.features * static_cast<int64_t>(sizeof(float));
  const int64_t rows = weights <= kCachedWeights ? 32 : inputs_on_tiles(z) ? 192 : 48;
  return larger(1, smaller(z.time, rows / clips));
}

// The weights as the products read them. All threads come here; `own` is the thread's (pack_panels()).
void pack_w_ih(const WeightRows& rows, float* out, float* own) {
  const Panels p = w_ih_panels(rows.z);
  if (inputs_on_tiles(rows.z)) return amx::pack_panels(p, rows, out, own);
  if (projects_on_tiles(rows.z)) return amx::pack_w_ih(rows, out, own);
  pack_panels(p, rows, out, own);
}

void pack_w_hh(const WeightRows& rows, float* out, float* own) {
  const Panels p = w_hh_panels(rows.z);
  steps_on_tiles(rows.z) ? amx::pack_panels(p, rows, out, own) : pack_panels(p, rows, out, own);
}

struct Workspace {
  float *x, *sums, *w_ih[2], *w_hh[2], *biases[2], *zeros, *gates, *cells, *hidden, *inputs, *products, *parts;
  StepRow* step_rows;
  const float **x_rows, **hidden_rows;
  Order order;
  bool by_span;             //  projects_by_span()
  int64_t span, span_rows;  //  steps of a span; its rows, at most
  int64_t own;              //  floats of x that are one thread's, on the tile unit
  int64_t most_clips;       //  of a group
  int64_t products_size;    //  floats of a thread's products
  int64_t inputs_size;      //  and of the projections of its span
  int64_t parts_size;       //  floats of a thread's parts of its clips' rows, on the tile unit
  int64_t x_parts_size;     //  of which these are of x
  int64_t hidden_stride;    //  of a clip's hidden state: rows of a power of two would share a few cache sets
  int64_t size;

  Workspace(const Sizes& z, int threads, float* at) : Workspace(z, threads, Cutter(at)) {}

 private:
  Workspace(const Sizes& z, int threads, Cutter cut) : order(z, cut) {
    const Schedule schedule(z, threads);
    const bool tiles = projects_on_tiles(z);
    most_clips = schedule.most_clips(z);
    by_span = projects_by_span(z);
    span = by_span ? steps_of_span(z, most_clips) : 1;
    span_rows = round_up(span * most_clips, inputs_on_tiles(z) ? kMaxPanel : 1);
    products_size = round_up(most_clips, steps_on_tiles(z) ? kMaxPanel : 1) * z.recurrent_blocks() * kPanel;
    x_parts_size = inputs_on_tiles(z) ? amx::row_parts(span_rows, z.features) : 0;
    parts_size = x_parts_size + (steps_on_tiles(z) ? amx::row_parts(most_clips, z.hidden) : 0);
    hidden_stride = z.hidden + kLine;
    own = tiles ? amx::project_workspace(z) : 0;
    x = cut.take(tiles ? threads * own : by_span ? 0 : project_x(z));
    sums = cut.take(by_span ? 0 : project_sums(z));
    for (int64_t direction = 0; direction < z.directions; ++direction) {
      w_ih[direction] = cut.take(by_span ? Packed::w_ih_size(z) : 0);
      w_hh[direction] = cut.take(Packed::w_hh_size(z));
      biases[direction] = cut.take(by_span ? w_ih_panels(z).count() * kPanel : 0);
    }
    zeros = cut.take(z.recurrent_blocks() * kPanel);
    gates = cut.take(by_span ? 0 : z.directions * z.rows * z.gates);  //  this and the next only where nothing is saved
    cells = cut.take(z.directions * z.batch * z.hidden);
    hidden = cut.take(z.directions * z.batch * hidden_stride * 2);
    inputs_size = span_rows * w_ih_panels(z).count() * kPanel;
    inputs = cut.take(by_span ? threads * inputs_size : 0);
    products = cut.take(threads * products_size);
    parts = cut.take(threads * parts_size);
    step_rows = cut.take_of<StepRow>(threads * most_clips);
    x_rows = cut.take_of<const float*>(threads * span_rows);
    hidden_rows = cut.take_of<const float*>(threads * most_clips);
    size = cut.size();
  }
};

struct LstmCell {
  const Sizes& z;

  ZT_INLINE_MEMBER void gates(const StepRow& row, const Sums& sums, int64_t unit, float* between) const {
    z.forgets() ? lstm_gates<true>(z, row, sums, unit, between) : lstm_gates<false>(z, row, sums, unit, between);
  }
  ZT_INLINE_MEMBER void output(const StepRow& row, const float* between, int64_t unit) const {
    lstm_output(z, row, between, unit);
  }
};

struct GruCell {
  const Sizes& z;
  const float* bias;

  ZT_INLINE_MEMBER void gates(const StepRow& row, const Sums& sums, int64_t unit, float* between) const {
    gru_gates(z, row, sums, bias, unit, between);
  }
  ZT_INLINE_MEMBER void output(const StepRow& row, const float* between, int64_t unit) const {
    gru_output(z, row, between, unit);
  }
};

struct Recurrence {
  const Sizes& z;
  const Workspace& w;
  const float* x;
  const zt_recurrent_weights* weights;
  float *y, *saved;

  // Of clip number i of the group.
  StepRow row_of(const Group& group, int64_t i, int64_t step) const {
    const int64_t direction = group.direction, clip = group.clip(i), output = z.output(direction, clip, step);
    const int64_t kept = group.kept(i, step), place = direction * z.batch + clip;
    StepRow at = {};
    at.y = output < 0 ? nullptr : y + output;
    if (step > 0) at.hidden = w.hidden + (place * 2 + step % 2) * w.hidden_stride;
    at.next_hidden = w.hidden + (place * 2 + (step + 1) % 2) * w.hidden_stride;
    if (saved != nullptr) {
      const Saved keep(z, saved, direction);
      at.gates = keep.gates + kept * z.gates;
      at.inner = keep.inner + kept * z.hidden;
      at.cells = keep.cells + kept * z.hidden;
      if (step > 0) at.cells_before = keep.cells + group.kept(i, step - 1) * z.hidden;
      if (step + 1 < z.length(clip)) at.kept_hidden = keep.before + group.kept(i, step + 1) * z.hidden;
    } else {
      if (!w.by_span) at.gates = w.gates + (direction * z.rows + kept) * z.gates;
      at.cells = w.cells + place * z.hidden;
      if (step > 0) at.cells_before = at.cells;
    }
    return at;
  }

  // Units begin … end of a group's clips, longest first, through all their steps.
  template <int kGates, typename Cell, typename AfterStep>
  void run(const Group& group, int64_t begin, int64_t end, const Cell& cell, const AfterStep& after_step) const {
    const int64_t thread = omp_get_thread_num(), direction = group.direction;
    StepRow* const rows = w.step_rows + thread * w.most_clips;
    const float** const x_rows = w.x_rows + thread * w.span_rows;
    const float** const hidden_rows = w.hidden_rows + thread * w.most_clips;
    float* const inputs = w.inputs + thread * w.inputs_size;
    float* const products = w.products + thread * w.products_size;
    float* const x_parts = w.parts + thread * w.parts_size;
    float* const parts = x_parts + w.x_parts_size;
    const bool on_tiles = steps_on_tiles(z);
    const amx::TileUnit unit_of_tiles(on_tiles || inputs_on_tiles(z));
    const Packed packed(z, weights[direction].packed);
    const float* const w_ih = packed.w_ih != nullptr ? packed.w_ih : w.w_ih[direction];
    const float* const w_hh = packed.w_hh != nullptr ? packed.w_hh : w.w_hh[direction];
    int64_t count = group.size(), projected = 0;  //  rows of the span whose steps are done
    for (int64_t step = 0; step < group.steps(); ++step) {
      count = group.longer_than(count, step);
      for (int64_t i = 0; i < count; ++i) {
        rows[i] = row_of(group, i, step);
        hidden_rows[i] = rows[i].hidden;
      }
      if (step == 0 && saved != nullptr && z.recurs()) clear_before(group, begin, end);
      if (w.by_span && step % w.span == 0) {
        project_span<kGates>(group, step, begin, end, w_ih, x_rows, x_parts, inputs);
        projected = 0;
      }
      if (on_tiles && step > 0) amx::pack_clips(hidden_rows, count, z.hidden, parts);
      for (int64_t unit = begin; unit < end; unit += kPanel) {
        const int64_t panel = unit / kPanel * kGates;
        const float* const input = inputs + (panel * w.span_rows + projected * kGates) * kPanel;
        if (step > 0 && on_tiles)
          amx::multiply_panels<kGates>(w_hh_panels(z), w_hh, panel, parts, count, nullptr, products);
        else if (step > 0)
          multiply_panels<kGates>(w_hh_panels(z), w_hh, panel, hidden_rows, count, w.zeros, products);
        for (int64_t first = 0; first < count; first += kClipsTogether) {
          const int64_t last = smaller(first + kClipsTogether, count);
          for (int64_t i = first; i < last; ++i) {
            if (i + kClipsAhead < count) fetch<3>(z, rows[i + kClipsAhead], unit);
            if (unit + kPanel < end) fetch<2>(z, rows[i], unit + kPanel);
            for (int64_t v = unit; v < unit + kPanel && v < z.hidden; v += kWidth) {
              const int64_t at = i * kGates * kPanel + (v - unit);
              const float* const product = step > 0 ? products + at : nullptr;
              cell.gates(rows[i],
                         w.by_span ? Sums{input + at, kPanel, product} : Sums{rows[i].gates + v, z.hidden, product}, v,
                         products + at);
            }
          }
          for (int64_t i = first; i < last; ++i)
            for (int64_t v = unit; v < unit + kPanel && v < z.hidden; v += kWidth)
              cell.output(rows[i], products + i * kGates * kPanel + (v - unit), v);
        }
      }
      projected += count;
      after_step();
    }
  }

  // The inputs of the span that begins with `step`, of units begin … end: [unit / kPanel][row of the
  // span][kGates][kPanel].
  template <int kGates>
  void project_span(const Group& group, int64_t step, int64_t begin, int64_t end, const float* w_ih,
                    const float** x_rows, float* x_parts, float* inputs) const {
    const bool on_tiles = inputs_on_tiles(z);
    const float* const biases = w.biases[group.direction];
    int64_t count = group.longer_than(group.size(), step), rows = 0;
    for (int64_t at = step; at < step + w.span; ++at) {
      count = group.longer_than(count, at);
      for (int64_t i = 0; i < count; ++i) x_rows[rows++] = x + z.row(group.direction, group.clip(i), at) * z.features;
    }
    if (on_tiles) amx::pack_clips(x_rows, rows, z.features, x_parts);
    for (int64_t unit = begin; unit < end; unit += kPanel) {
      const int64_t panel = unit / kPanel * kGates;
      float* const to = inputs + panel * w.span_rows * kPanel;
      if (on_tiles)
        amx::multiply_panels<kGates>(w_ih_panels(z), w_ih, panel, x_parts, rows, biases + panel * kPanel, to);
      else
        multiply_panels<kGates>(w_ih_panels(z), w_ih, panel, x_rows, rows, biases + panel * kPanel, to);
    }
  }

  // The gradient of W_hh reads the zeros before the first step.
  void clear_before(const Group& group, int64_t begin, int64_t end) const {
    float* const before = Saved(z, saved, group.direction).before;
    for (int64_t i = 0; i < group.size(); ++i) {
      float* const row = before + group.kept(i, 0) * z.hidden;
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
    if (projects_on_tiles(z)) {
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

// What the steps read, besides x: the packed weights, and the projection where it is made before. All threads come
// here.
void prepare(const Sizes& z, const float* x, const zt_recurrent_weights* weights, float* saved, const Workspace& w) {
  const bool is_packed = weights[0].packed != nullptr;
#pragma omp for schedule(static)
  for (int64_t i = 0; i < z.recurrent_blocks() * kPanel; ++i) w.zeros[i] = 0;
  for (int64_t direction = 0; direction < z.directions; ++direction) {
    const zt_recurrent_weights& of = weights[direction];
    if (z.recurs() && !is_packed) pack_w_hh({z, of.w_hh, z.hidden, 1}, w.w_hh[direction], nullptr);
    if (!w.by_span) continue;
    const Panels p = w_ih_panels(z);
    if (!is_packed) pack_w_ih({z, of.w_ih, z.features, 1}, w.w_ih[direction], nullptr);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < p.count() * kPanel; ++i) {
      const int64_t panel = i / kPanel, unit = panel / p.gates * kPanel + i % kPanel;
      w.biases[direction][i] = unit < z.hidden ? bias_of(z, of, panel % p.gates * z.hidden + unit) : 0;
    }
  }
  if (!w.by_span) project_all(z, x, weights, saved, w);
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
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const own = workspace + omp_get_thread_num() * kPanel * z.features;
    const WeightRows rows = {z, w_ih, z.features, pixels};
    pack_w_ih(rows, packed, own);
    if (z.recurs()) pack_w_hh({z, w_hh, z.hidden, 1}, packed + Packed::w_ih_size(z), own);
  }
}

void recurrent_forward(const zt_recurrent_shape& s, const float* x, const zt_recurrent_weights* weights, float* y,
                       float* saved, float* workspace, int threads) {
  const Sizes z(s);
  const Schedule schedule(z, threads);
  const Workspace w(z, threads, workspace);
  const Recurrence recurrence = {z, w, x, weights, y, saved};
  w.order.sort();
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    prepare(z, x, weights, saved, w);
    const auto run = [&](const Group& group, int64_t begin, int64_t end, const auto& after_step) {
      if (z.is_gru)
        recurrence.run<3>(group, begin, end, GruCell{z, weights[group.direction].b_hh + 2 * z.hidden}, after_step);
      else
        recurrence.run<4>(group, begin, end, LstmCell{z}, after_step);
    };
    share_recurrence(z, schedule, w.order, w.order.longest(), run);
  }
}

}  // namespace zt::ZT_ISA
