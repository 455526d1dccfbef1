// What follows from the gradients of a span's rows: sums over these rows, and the gradients of their inputs.
#pragma once

#include "../simd/product.h"
#include "../simd/transpose.h"
#include "span.h"

namespace zt::ZT_ISA {

ZT_INLINE bool is_first(const BackwardWorkspace& w, const Span& span) { return span.end == w.order.longest(); }

// Whether sums over the span's rows are made on the tile unit.
ZT_INLINE bool sums_on_tiles(const Sizes& z, const Span& span) { return takes_tiles(z) && span.rows >= kTilesDepth; }

// The rows of W_ih, and of its gradient, that belong to a row's gradients.
template <typename Float>
ZT_INLINE Rows<Float> of_inputs(const Sizes& z, Float* w_ih) {
  if (z.is_gru) return {w_ih + 2 * z.hidden * z.features, z.features, z.hidden, -3 * z.hidden};
  return {w_ih, z.features, z.left_out() > 0 ? z.hidden : INT64_MAX, z.left_out()};
}

// Which rows of x the span's rows are.
ZT_INLINE void find_rows(const Sizes& z, const Order& order, const Span& span, int64_t direction, int32_t* places) {
#pragma omp for schedule(static) nowait
  for (int64_t step = span.first; step < span.end; ++step)
    for (int64_t i = 0; i < order.before[step + 1] - order.before[step]; ++i)
      places[order.before[step] - span.begin + i] = static_cast<int32_t>(z.row(direction, order.clips[i], step));
}

// The transposed gradients of the span's rows.
ZT_INLINE void transpose(const Sizes& z, const BackwardWorkspace& w, const Span& span, int64_t direction) {
  const float* const gradients = w.gradients_of(direction, span.number);
  float* const transposed = w.transposed_of(direction, z);
#pragma omp for schedule(static) nowait
  for (int64_t gate = 0; gate < z.gradients(); gate += kPanel)
    transpose_floats(gradients + gate, w.gradients_stride, span.rows, smaller(kPanel, z.gradients() - gate),
                     transposed + gate * w.transposed_stride, w.transposed_stride);
}

// The biases' gradients: sums over the span's rows.
ZT_INLINE void sum_biases(const Sizes& z, const BackwardWorkspace& w, const Span& span, int64_t direction,
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
ZT_INLINE void clear(float* values, int64_t from, int64_t count) {
  if (values == nullptr) return;
#pragma omp for schedule(static)
  for (int64_t i = 0; i < count; ++i) values[from + i] = 0;
}

// The gradients of weights that nothing depends on where every clip has one step.
ZT_INLINE void clear_unused(const Sizes& z, const zt_recurrent_gradients& out) {
  if (z.recurs()) return;
  clear(out.w_hh, 0, z.weight_rows() * z.hidden);
  clear(out.w_ih, z.hidden * z.features, z.left_out() * z.features);
  clear(out.b_ih, z.hidden, z.left_out());
  clear(out.b_hh, z.hidden, z.left_out());
}

// The weights' gradients of one direction: sums over the span's rows. All threads come here, and do not wait; `packed`
// is the thread's.
ZT_INLINE void sum_weights(const Sizes& z, const BackwardWorkspace& w, const Span& span, int64_t direction,
                           const float* x, const float* saved, const zt_recurrent_gradients& out, float* packed) {
  const int64_t passed = z.passed_from();
  const float* const gradients = w.gradients_of(direction, span.number);
  const auto sum = [&](int64_t m, int64_t columns, int64_t from, const Rows<const float>& b, const Rows<float>& c) {
    const Rows<const float> a(w.transposed_of(direction, z) + from * w.transposed_stride, w.transposed_stride);
    const Product product = {m, span.rows, columns, a, b, c, !is_first(w, span)};
    const amx::Columns of_gradients = {gradients + from, w.gradients_stride};
    sums_on_tiles(z, span) ? amx::multiply(product, &of_gradients, packed) : multiply(product, packed);
  };
  if (out.w_ih != nullptr) sum(z.gates, z.features, 0, {x, z.features, w.places_of(direction)}, of_inputs(z, out.w_ih));
  if (out.w_hh == nullptr || !z.recurs()) return;
  const float* const before = Saved(z, const_cast<float*>(saved), direction).before;
  const Rows<const float> hidden = keeps_by_step(z) ? Rows<const float>(before + span.begin * z.hidden, z.hidden)
                                                    : Rows<const float>(before, z.hidden, w.places_of(direction));
  sum(z.weight_rows(), z.hidden, passed, hidden, {out.w_hh, z.hidden});
}

// The gradient of x, of the span's rows and one direction, as a product.
ZT_INLINE Product of_x(const Sizes& z, const BackwardWorkspace& w, const Span& span, int64_t direction,
                       const float* w_ih, float* dx) {
  const Rows<const float> a(w.gradients_of(direction, span.number), w.gradients_stride);
  const Rows<float> c(dx, z.features, w.places_of(direction));
  return {span.rows, z.gates, z.features, a, of_inputs(z, w_ih), c, false, w.w_ih[direction]};
}

// The same: all threads come here, and do not wait.
ZT_INLINE void multiply_back(const Sizes& z, const Product& product, float* packed) {
  takes_tiles(z) && z.gates >= kTilesDepth ? amx::multiply(product, nullptr, packed) : multiply(product, packed);
}

// All threads come here.
ZT_INLINE void add_second(const Sizes& z, const BackwardWorkspace& w, float* dx) {
  const int64_t count = z.rows * z.features;
#pragma omp barrier
#pragma omp for schedule(static)
  for (int64_t i = 0; i < count; i += kWidth) {
    const int64_t left = count - i;
    store_first(dx + i, load_first(dx + i, left) + load_first(w.second_dx + i, left), left);
  }
}

}  // namespace zt::ZT_ISA
