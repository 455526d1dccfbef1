// The spans of steps in which the backward pass goes, and its workspace.
#pragma once

#include "../simd/product.h"
#include "cells.h"
#include "schedule.h"

namespace zt::ZT_ISA {

constexpr int64_t kTilesDepth = 16;         //  a product of fewer rows of b would leave most of a tile empty
constexpr int64_t kSpanFloats = 1ll << 17;  //  about so many gradients lie in the caches
constexpr int64_t kSpanRows = 256;          //  of a span at least: for each, the gradients of the weights are read once

// W_hh as what passes gradients back: kPanel hidden units' columns, of all gates.
ZT_INLINE Panels passing_panels(const Sizes& z) { return {z.hidden, 1, z.weight_rows()}; }

// A large W_ih's gradient is summed at once: to add to it again and again would cost more than what the spans save.
ZT_INLINE int64_t steps_of_span(const Sizes& z) {
  if (!keeps_by_step(z)) return z.time;
  return larger(1, smaller(z.time, larger(kSpanRows, kSpanFloats / z.gradients()) / z.batch));
}

struct BackwardWorkspace {
  float *gradients, *transposed, *w_hh[2], *carried, *zeros, *products, *panels, *after_parts;
  float* w_ih[2];    //  what gradients of inputs are multiplied with, packed once for all spans; or null
  float* second_dx;  //  of the second direction
  int32_t* places;   //  which rows of x a span's rows are, of each direction
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

  BackwardWorkspace(const Sizes& z, int threads, float* at) : BackwardWorkspace(z, threads, Cutter(at)) {}

  // The gradients of a span's rows. They lie in place of those of the last but one, which nobody reads any more.
  float* gradients_of(int64_t direction, int64_t number) const {
    return gradients + (direction * buffers + number % buffers) * span_rows * gradients_stride;
  }
  float* transposed_of(int64_t direction, const Sizes& z) const {
    return transposed + direction * transposed_stride * z.gradients();
  }
  int32_t* places_of(int64_t direction) const { return places + direction * span_rows; }

 private:
  BackwardWorkspace(const Sizes& z, int threads, Cutter cut) : order(z, cut) {
    most_clips = Schedule(z, threads).most_clips(z);
    span = steps_of_span(z);
    span_rows = smaller(z.rows, span * z.batch);
    gradients_stride = z.gradients() + kLine;
    buffers = span < z.time ? 2 : 1;
    gradients = cut.take(z.directions * buffers * span_rows * gradients_stride);
    places = cut.take_of<int32_t>(z.directions * span_rows);
    transposed_stride = odd_lines(span_rows);
    const bool has_only_tiles = takes_tiles(z) && buffers == 1 && z.rows >= kTilesDepth;
    transposed = cut.take(has_only_tiles ? 0 : z.directions * transposed_stride * z.gradients());
    for (int64_t direction = 0; direction < z.directions; ++direction)
      w_hh[direction] = cut.take(!z.recurs()         ? 0
                                 : steps_on_tiles(z) ? amx::panel_parts(passing_panels(z))
                                                     : passing_panels(z).size());
    for (int64_t direction = 0; direction < z.directions; ++direction)
      w_ih[direction] = buffers > 1 && !takes_tiles(z) ? cut.take(ProductPanels{z.gates, z.features}.size()) : nullptr;
    carried = cut.take(z.directions * z.batch * z.hidden);
    second_dx = cut.take(z.directions > 1 ? z.rows * z.features : 0);
    zeros = cut.take(kWide * kPanel);
    products_size = round_up(most_clips, steps_on_tiles(z) ? kMaxPanel : 1) * kWide * kPanel;
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

// Some steps. Step by step, their rows begin with row `begin`.
struct Span {
  int64_t number, first, end, begin, rows;

  Span(const BackwardWorkspace& w, int64_t of_number)
      : number(of_number),
        first(number * w.span),
        end(smaller(first + w.span, w.order.longest())),
        begin(w.order.before[first]),
        rows(w.order.before[end] - begin) {}
};

}  // namespace zt::ZT_ISA
