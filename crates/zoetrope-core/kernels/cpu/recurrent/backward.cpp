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
// another one, dm, and d has four parts: dn, dr, dz, dm. The first three belong to x, the last three to the hidden
// state.
//
// Cost of an LSTM: 16·rows·hidden·(features + hidden) FLOPs, less without dx; for each span 16·hidden·(features +
// hidden) bytes read, as many written. Of a GRU three quarters.
#include <omp.h>

#include "span_products.h"

namespace zt::ZT_ISA {
namespace {

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
  const BackwardWorkspace& w;
  const float *saved, *dy;

  // Of clip number i of the group. Rows of gradients of this step and of the one after begin there.
  BackwardRow row_of(const Group& group, int64_t i, int64_t step, float* here, const float* after) const {
    const int64_t direction = group.direction, clip = group.clip(i), output = z.output(direction, clip, step);
    const Saved keep(z, const_cast<float*>(saved), direction);
    const int64_t kept = group.kept(i, step);
    BackwardRow at = {};
    at.gates = keep.gates + kept * z.gates;
    at.inner = keep.inner + kept * z.hidden;
    at.dy = output < 0 ? nullptr : dy + output;
    at.carried = w.carried + (direction * z.batch + clip) * z.hidden;
    at.gradients = here + group.number(i) * w.gradients_stride;
    if (step > 0)
      at.before = z.is_gru ? keep.before + kept * z.hidden : keep.cells + group.kept(i, step - 1) * z.hidden;
    if (step + 1 < z.length(clip)) at.after = after + group.number(i) * w.gradients_stride + z.passed_from();
    return at;
  }

  float* gradients_at(int64_t direction, int64_t step) const {
    const int64_t number = step / w.span, row = w.order.before[step] - w.order.before[number * w.span];
    return w.gradients_of(direction, number) + row * w.gradients_stride;
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
      float* const gradients = gradients_at(group.direction, step);
      const float* const after = step + 1 < group.steps() ? gradients_at(group.direction, step + 1) : nullptr;
      for (int64_t i = 0; i < here; ++i) {
        rows[i] = row_of(group, i, step, gradients, after);
        after_rows[i] = rows[i].after;
      }
      if (on_tiles && going > 0) amx::pack_clips(after_rows, going, z.weight_rows(), parts);
      for (int64_t unit = begin, stride; unit < end; unit += stride) {
        const bool is_wide = kWide > 1 && !on_tiles && unit + kPanel < end;
        stride = (is_wide ? kWide : 1) * kPanel;
        if (going > 0 && on_tiles)
          amx::multiply_panels<1>(passing_panels(z), w_hh, unit / kPanel, parts, going, nullptr, products);
        else if (going > 0 && is_wide)
          multiply_panels<kWide>(passing_panels(z), w_hh, unit / kPanel, after_rows, going, w.zeros, products);
        else if (going > 0)
          multiply_panels<1>(passing_panels(z), w_hh, unit / kPanel, after_rows, going, w.zeros, products);
        for (int64_t i = 0; i < here; ++i)
          for (int64_t v = 0; v < stride && unit + v < z.hidden; v += kWidth) {
            if (v % kPanel == 0 && i + kClipsAhead < here) fetch<3>(z, rows[i + kClipsAhead], unit + v);
            if (v % kPanel == 0 && unit + stride + v < end) fetch<2>(z, rows[i], unit + stride + v);
            cell(rows[i], i < going ? load(products + i * stride + v) : zero(), unit + v);
          }
      }
      after_step();
    }
  }
};

}  // namespace

size_t recurrent_backward_workspace(const zt_recurrent_shape& s, int threads) {
  return BackwardWorkspace(Sizes(s), threads, nullptr).size;
}

void recurrent_backward(const zt_recurrent_shape& s, const float* x, const zt_recurrent_weights* weights,
                        const float* saved, const float* dy, float* dx, const zt_recurrent_gradients* gradients,
                        float* workspace, int threads) {
  const Sizes z(s);
  const Schedule schedule(z, threads);
  const BackwardWorkspace w(z, threads, workspace);
  const Recurrence recurrence = {z, w, saved, dy};
  w.order.sort();
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < kWide * kPanel; ++i) w.zeros[i] = 0;
    for (int64_t direction = 0; direction < z.directions; ++direction)
      if (z.recurs()) pack_passing(z, weights[direction].w_hh, w.w_hh[direction]);
    for (int64_t direction = 0; direction < z.directions && dx != nullptr; ++direction)
      if (w.w_ih[direction] != nullptr) {
        const Product first = of_x(z, w, Span(w, 0), direction, weights[direction].w_ih, nullptr);
        pack_product(first, w.w_ih[direction]);
      }
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
      for (int64_t direction = 0; direction < z.directions && dx != nullptr; ++direction)
        multiply_back(z, of_x(z, w, span, direction, weights[direction].w_ih, direction == 0 ? dx : w.second_dx),
                      packed);
    }
    if (z.directions > 1 && dx != nullptr) add_second(z, w, dx);
  }
}

}  // namespace zt::ZT_ISA
