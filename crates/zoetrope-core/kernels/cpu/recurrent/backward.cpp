// The backward pass of one layer: some steps (cells.h), then what follows from the gradients of their rows,
//
//   dx = d · W_ih      dW_ih += dᵀ · x      dW_hh += dᵀ · h'      db += Σ d         each by a long product
//
// and so on, span by span, from the last step to the first. So d lies in the caches, and there is never all of it.
//
// In the recurrence a group of clips goes through its steps side by side, and a clip joins at its own last step. What a
// step passes on to the one before is d · W_hh. The three long products are shared by all threads, and no sum is split.
//
// A GRU's reset gate multiplies the hidden part of `new`, so that its gradient with respect to the hidden state is
// another one, dm, and d has four parts: dr, dz, dn, dm. The first three belong to x, the last to the hidden state
// instead of dn.
//
// Cost of an LSTM: 16·rows·hidden·(features + hidden) FLOPs, less without dx; for each span 16·hidden·(features + hidden)
// bytes read, as many written. Of a GRU three quarters.
#include <omp.h>

#include "../simd/product.h"
#include "../simd/transpose.h"
#include "cells.h"
#include "schedule.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kTilesDepth = 16;         //  a product of fewer rows of b would leave most of a tile empty
constexpr int64_t kSpanFloats = 1ll << 17;  //  about so many gradients lie in the caches
constexpr int64_t kSpanRows = 256;          //  of a span at least: for each, the gradients of the weights are read once

// W_hh as what passes gradients back: kPanel hidden units' columns, of all gates.
Panels passing_panels(const Sizes& z) { return {z.hidden, 1, z.weight_rows()}; }

// Steps whose gradients follow each other.
int64_t steps_of_span(const Sizes& z) {
  if (!keeps_by_step(z)) return z.time;
  return larger(1, smaller(z.time, larger(kSpanRows, kSpanFloats / z.gradients()) / z.batch));
}

struct Workspace {
  float *gradients, *transposed, *w_hh[2], *carried, *zeros, *products, *panels, *after_parts;
  int32_t* places;  //  where the rows of a span lie in x, of each direction
  BackwardRow* step_rows;
  const float** after_rows;
  Order order;
  int64_t span, span_rows;    //  steps of a span; its rows, at most
  int64_t buffers;            //  spans whose gradients there are
  int64_t most_clips;         //  of a group
  int64_t products_size;      //  floats of a thread's products
  int64_t after_size;         //  and of its parts of what steps pass on, on the tile unit
  int64_t panel;              //  floats of a thread's packed block
  int64_t gradients_stride;   //  of a row: rows of a power of two would share a few cache sets
  int64_t transposed_stride;  //  the same
  int64_t size;

  Workspace(const Sizes& z, int threads, float* at) : Workspace(z, threads, Cutter(at)) {}

  // The gradients of a span's rows. They lie in place of those of the last but one, which nobody reads any more.
  float* gradients_of(int64_t direction, int64_t number) const {
    return gradients + (direction * buffers + number % buffers) * span_rows * gradients_stride;
  }
  float* transposed_of(int64_t direction, const Sizes& z) const {
    return transposed + direction * transposed_stride * z.gradients();
  }
  int32_t* places_of(int64_t direction) const { return places + direction * span_rows; }

 private:
  Workspace(const Sizes& z, int threads, Cutter cut) : order(z, cut) {
    most_clips = Schedule(z, threads).most_clips(z);
    span = steps_of_span(z);
    span_rows = smaller(z.rows, span * z.batch);
    gradients_stride = z.gradients() + kLine;
    buffers = span < z.time ? 2 : 1;
    gradients = cut.take(z.directions * buffers * span_rows * gradients_stride);
    places = cut.take_of<int32_t>(z.directions * span_rows);
    transposed_stride = odd_lines(span_rows);
    transposed = cut.take(z.directions * transposed_stride * z.gradients());
    for (int64_t direction = 0; direction < z.directions; ++direction)
      w_hh[direction] = cut.take(!z.recurs()         ? 0
                                 : steps_on_tiles(z) ? amx::panel_parts(passing_panels(z))
                                                     : passing_panels(z).size());
    carried = cut.take(z.directions * z.batch * z.hidden);
    zeros = cut.take(kPanel);
    products_size = round_up(most_clips, steps_on_tiles(z) ? kMaxPanel : 1) * kPanel;
    products = cut.take(threads * products_size);
    after_size = steps_on_tiles(z) ? amx::row_parts(most_clips, z.weight_rows()) : 0;
    after_parts = cut.take(threads * after_size);
    panel = takes_tiles(z) ? larger(kProductWorkspace, amx::multiply_workspace()) : kProductWorkspace;
    panels = cut.take(panel * threads);
    step_rows = cut.take_of<BackwardRow>(threads * most_clips);
    after_rows = cut.take_of<const float*>(threads * most_clips);
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

// Some steps, whose rows are kept from row `begin` on.
struct Span {
  int64_t number, first, end, begin, rows;

  Span(const Workspace& w, int64_t of_number)
      : number(of_number),
        first(number * w.span),
        end(smaller(first + w.span, w.order.longest())),
        begin(w.order.before[first]),
        rows(w.order.before[end] - begin) {}
};

struct Recurrence {
  const Sizes& z;
  const Workspace& w;
  const float *saved, *dy;

  // Of clip number i of the group.
  BackwardRow row_of(const Group& group, int64_t i, int64_t step) const {
    const int64_t direction = group.direction, clip = group.clip(i), output = z.output(direction, clip, step);
    const Saved keep(z, const_cast<float*>(saved), direction);
    const int64_t kept = group.kept(i, step);
    BackwardRow at = {};
    at.gates = keep.gates + kept * z.gates;
    at.inner = keep.inner + kept * z.hidden;
    at.dy = output < 0 ? nullptr : dy + output;
    at.carried = w.carried + (direction * z.batch + clip) * z.hidden;
    at.gradients = gradients_at(group, i, step);
    if (step > 0)
      at.before = z.is_gru ? keep.before + kept * z.hidden : keep.cells + group.kept(i, step - 1) * z.hidden;
    if (step + 1 < z.length(clip)) at.after = gradients_at(group, i, step + 1) + z.passed_from();
    return at;
  }

  float* gradients_at(const Group& group, int64_t i, int64_t step) const {
    const int64_t number = step / w.span, row = group.kept(i, step) - w.order.before[number * w.span];
    return w.gradients_of(group.direction, number) + row * w.gradients_stride;
  }

  // Units begin … end of a group's clips, longest first, from the span's last step to its first.
  template <typename Cell, typename AfterStep>
  void run(const Group& group, const Span& span, int64_t begin, int64_t end, const Cell& cell,
           const AfterStep& after_step) const {
    const int64_t thread = omp_get_thread_num();
    BackwardRow* const rows = w.step_rows + thread * w.most_clips;
    const float** const after_rows = w.after_rows + thread * w.most_clips;
    float* const products = w.products + thread * w.products_size;
    float* const parts = w.after_parts + thread * w.after_size;
    const float* const w_hh = w.w_hh[group.direction];
    const bool on_tiles = steps_on_tiles(z);
    const amx::TileUnit unit_of_tiles(on_tiles);
    for (int64_t step = smaller(group.steps(), span.end) - 1; step >= span.first; --step) {
      const int64_t here = group.longer_than(group.size(), step), going = group.longer_than(here, step + 1);
      for (int64_t i = 0; i < here; ++i) {
        rows[i] = row_of(group, i, step);
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

bool is_first(const Workspace& w, const Span& span) { return span.end == w.order.longest(); }

// Whether sums over the span's rows are made on the tile unit.
bool sums_on_tiles(const Sizes& z, const Span& span) { return takes_tiles(z) && span.rows >= kTilesDepth; }

// The rows of W_ih, and of its gradient, that belong to a row's gradients.
template <typename Float>
Rows<Float> of_inputs(const Sizes& z, Float* w_ih) {
  if (z.is_gru) return {w_ih + 2 * z.hidden * z.features, z.features, z.hidden, -3 * z.hidden};
  return {w_ih, z.features, z.left_out() > 0 ? z.hidden : INT64_MAX, z.left_out()};
}

// Where the span's rows lie in x.
void find_rows(const Sizes& z, const Order& order, const Span& span, int64_t direction, int32_t* places) {
  if (!keeps_by_step(z)) {
#pragma omp for schedule(static) nowait
    for (int64_t row = 0; row < span.rows; ++row) places[row] = static_cast<int32_t>(row);
    return;
  }
#pragma omp for schedule(static) nowait
  for (int64_t step = span.first; step < span.end; ++step)
    for (int64_t i = 0; i < order.before[step + 1] - order.before[step]; ++i)
      places[order.before[step] - span.begin + i] = static_cast<int32_t>(z.row(direction, order.clips[i], step));
}

// The transposed gradients of the span's rows.
void transpose(const Sizes& z, const Workspace& w, const Span& span, int64_t direction) {
  const float* const gradients = w.gradients_of(direction, span.number);
  float* const transposed = w.transposed_of(direction, z);
#pragma omp for schedule(static) nowait
  for (int64_t gate = 0; gate < z.gradients(); gate += kPanel)
    transpose_floats(gradients + gate, w.gradients_stride, span.rows, smaller(kPanel, z.gradients() - gate),
                     transposed + gate * w.transposed_stride, w.transposed_stride);
}

// The biases' gradients: sums over the span's rows.
void sum_biases(const Sizes& z, const Workspace& w, const Span& span, int64_t direction,
                const zt_recurrent_gradients& out) {
  constexpr int64_t kTogether = 4 * kPanel;
  const int64_t all = z.gradients(), passed = z.passed_from();
  const float* const gradients = w.gradients_of(direction, span.number);
  const auto put = [&](float* sums, int64_t row, float sum) {
    if (sums != nullptr) sums[row] = is_first(w, span) ? sum : sums[row] + sum;
  };
#pragma omp for schedule(static) nowait
  for (int64_t gate = 0; gate < all; gate += kTogether) {
    const int64_t count = smaller(kTogether, all - gate);
    VF sums[kTogether / kWidth] = {};
    for (int64_t row = 0; row < span.rows; ++row)
      for (int64_t v = 0; v < kTogether / kWidth; ++v)
        sums[v] += load_first(gradients + row * w.gradients_stride + gate + v * kWidth, larger(count - v * kWidth, 0));
    float lanes[kTogether];
    for (int64_t v = 0; v < kTogether / kWidth; ++v) store(lanes + v * kWidth, sums[v]);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t of = gate + i;
      if (of < z.gates) put(out.b_ih, z.is_gru ? (of + 2 * z.hidden) % z.gates : z.weight_row(of), lanes[i]);
      if (of >= passed) put(out.b_hh, z.weight_row(of - passed), lanes[i]);
    }
  }
}

// `values` may be null; `from` is where the zeros begin.
void clear(float* values, int64_t from, int64_t count) {
  if (values == nullptr) return;
#pragma omp for schedule(static)
  for (int64_t i = 0; i < count; ++i) values[from + i] = 0;
}

// The gradients of weights that nothing depends on where every clip has one step.
void clear_unused(const Sizes& z, const zt_recurrent_gradients& out) {
  if (z.recurs()) return;
  clear(out.w_hh, 0, z.weight_rows() * z.hidden);
  clear(out.w_ih, z.hidden * z.features, z.left_out() * z.features);
  clear(out.b_ih, z.hidden, z.left_out());
  clear(out.b_hh, z.hidden, z.left_out());
}

// The weights' gradients of one direction: sums over the span's rows. All threads come here, and do not wait; `packed`
// is the thread's.
void sum_weights(const Sizes& z, const Workspace& w, const Span& span, int64_t direction, const float* x,
                 const float* saved, const zt_recurrent_gradients& out, float* packed) {
  const int64_t passed = z.passed_from();
  const float* const gradients = w.gradients_of(direction, span.number);
  const auto sum = [&](int64_t m, int64_t columns, int64_t from, const Rows<const float>& b, const Rows<float>& c) {
    const Rows<const float> a(w.transposed_of(direction, z) + from * w.transposed_stride, w.transposed_stride);
    const Product product = {m, span.rows, columns, a, b, c, !is_first(w, span)};
    const amx::Columns of_gradients = {gradients + from, w.gradients_stride};
    sums_on_tiles(z, span) ? amx::multiply(product, &of_gradients, packed) : multiply(product, packed);
  };
  if (out.w_ih != nullptr)
    sum(z.gates, z.features, 0, {x, z.features, w.places_of(direction)}, of_inputs(z, out.w_ih));
  if (out.w_hh == nullptr || !z.recurs()) return;
  const float* const before = Saved(z, const_cast<float*>(saved), direction).before + span.begin * z.hidden;
  sum(z.weight_rows(), z.hidden, passed, {before, z.hidden}, {out.w_hh, z.hidden});
}

// The gradient of x, of the span's rows. The same.
void multiply_back(const Sizes& z, const Workspace& w, const Span& span, int64_t direction, const float* w_ih,
                   float* dx, float* packed) {
  const Rows<const float> a(w.gradients_of(direction, span.number), w.gradients_stride);
  const Rows<float> c(dx, z.features, w.places_of(direction));
  const Product product = {span.rows, z.gates, z.features, a, of_inputs(z, w_ih), c, z.directions > 1};
  takes_tiles(z) && z.gates >= kTilesDepth ? amx::multiply(product, nullptr, packed) : multiply(product, packed);
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
  w.order.sort();
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < kPanel; ++i) w.zeros[i] = 0;
    for (int64_t direction = 0; direction < z.directions; ++direction)
      if (z.recurs()) pack_passing(z, weights[direction].w_hh, w.w_hh[direction]);
    if (z.directions > 1) clear(dx, 0, z.rows * z.features);
    for (int64_t direction = 0; direction < z.directions; ++direction) clear_unused(z, gradients[direction]);
    float* const packed = w.panels + omp_get_thread_num() * w.panel;
    for (int64_t number = ceil_div(w.order.longest(), w.span) - 1; number >= 0; --number) {
      const Span span(w, number);
      const auto run = [&](const Group& group, int64_t first_unit, int64_t end_unit, const auto& after_step) {
        const auto lstm = [&](const BackwardRow& row, VF product, int64_t unit) {
          lstm_step_back(z, row, product, unit);
        };
        const auto gru = [&](const BackwardRow& row, VF product, int64_t unit) {
          gru_step_back(z, row, product, unit);
        };
        if (z.is_gru)
          recurrence.run(group, span, first_unit, end_unit, gru, after_step);
        else
          recurrence.run(group, span, first_unit, end_unit, lstm, after_step);
      };
      share_recurrence(z, schedule, w.order, span.end - span.first, run);
      for (int64_t direction = 0; direction < z.directions; ++direction) {
        const zt_recurrent_gradients& of = gradients[direction];
        find_rows(z, w.order, span, direction, w.places_of(direction));
        if (!sums_on_tiles(z, span) && (of.w_ih != nullptr || of.w_hh != nullptr)) transpose(z, w, span, direction);
        sum_biases(z, w, span, direction, of);
      }
#pragma omp barrier
      for (int64_t direction = 0; direction < z.directions; ++direction)
        sum_weights(z, w, span, direction, x, saved, gradients[direction], packed);
      for (int64_t direction = 0; direction < z.directions && dx != nullptr; ++direction) {
        multiply_back(z, w, span, direction, weights[direction].w_ih, dx, packed);
        if (z.directions > 1) {
#pragma omp barrier
        }
      }
    }
  }
}

}  // namespace zt::ZT_ISA
