// Tall products: many rows by few columns. The threads divide the rows. The right matrix is packed once, for all of
// them.
//
//   c [m][columns] = a [m][depth] · b [depth][columns] + bias
//
// A row of a lies in runs of floats side by side. Every row has the same runs, from where it begins.
#pragma once

#include <cmath>

#include "tall_tiles.h"

namespace zt::ZT_ISA {

// What a tile needs besides its rows.
struct TallTile {
  const Run* runs;
  int64_t depth;
  const float *panel, *bias;  //  bias: null to add to what c holds
  int64_t left;               //  columns, at least 1
  bool relu;
};

// A tile's sums, on their way to a part of c's vectors. Not inlined: the tile would keep its sums out of registers.
template <int kVectors>
ZT_NOINLINE void store_tall(const TallTile& t, const float* sums, int64_t count, float* const* c, int64_t column) {
  for (int64_t r = 0; r < count; ++r)
    for (int64_t v = 0; v < kVectors; ++v) {
      const int64_t left = t.left - v * kWidth;
      if (left <= 0) continue;
      float* const to = c[r] + column + v * kWidth;
      const VF start = t.bias != nullptr ? load(t.bias + column + v * kWidth) : load_first(to, left);
      const VF sum = load(sums + (r * kVectors + v) * kWidth) + start;
      store_first(to, t.relu ? max(zero(), sum) : sum, left);  //  in this order of arguments a NaN stays
    }
}

template <int kCount, int kVectors>
ZT_NOINLINE void tall_tile(const TallTile& t, const float* const* rows, float* const* c, int64_t column) {
  VF sums[kCount][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = zero();
      __builtin_prefetch(c[r] + column + v * kWidth, 1);  //  c comes while the sums are made
    }
  const Run* run = t.runs;
  for (int64_t k = 0; k < t.depth; k += run->length, ++run) {
    const float* a[kCount];
#pragma GCC unroll 12
    for (int r = 0; r < kCount; ++r) a[r] = rows[r] + run->at;
    multiply_add(a, t.panel + k * kPanel, run->length, sums);
  }
  if (t.left >= kVectors * kWidth) {
    const VF least = broadcast(t.relu ? 0.0f : -HUGE_VALF);
#pragma GCC unroll 12
    for (int r = 0; r < kCount; ++r) {
      float* const to = c[r] + column;
      const float* const start = t.bias != nullptr ? t.bias + column : to;
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)  //  in this order of arguments a NaN stays
        store(to + v * kWidth, max(least, sums[r][v] + load(start + v * kWidth)));
    }
    return;
  }
  alignas(64) float stored[kCount * kVectors * kWidth];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) store(stored + (r * kVectors + v) * kWidth, sums[r][v]);
  store_tall<kVectors>(t, stored, kCount, c, column);
}

// Computes those rows and columns of c, and calls finish(row, count, column, end) for
// what is done. `bias` has whole panels;
// `scratch`, of the thread, has tall_scratch(w) floats.
template <typename Finish>
static void multiply_tall(const TallWeights& w, const float* packed, const float* bias, bool relu, const Run* runs,
                          const TallRows& rows, float* scratch, const Finish& finish) {
#if defined(__AMX_BF16__)
  if (w.on_tiles) return amx::multiply_tall(w, packed, bias, relu, runs, rows, scratch, finish);
#endif
  (void)scratch;
  for (int64_t k = 0; k < w.depth; k += w.block()) {
    const int64_t depth = w.depth_from(k);
    const bool is_last = k + depth == w.depth;
    for_tiles(rows.m, [&](auto constant, int64_t row) {
      constexpr int kCount = decltype(constant)::count;
      for (int64_t panel = rows.first; panel < rows.end; ++panel) {
        const int64_t column = panel * kPanel, left = w.columns - column;
        const TallTile tile = {runs, depth, packed + w.at(k, panel), k == 0 ? bias : nullptr, left, relu && is_last};
        if (left > kWidth)
          tall_tile<kCount, 2>(tile, rows.a + row, rows.c + row, column);
        else
          tall_tile<kCount, 1>(tile, rows.a + row, rows.c + row, column);
      }
      if (is_last) finish(row, kCount, rows.first * kPanel, smaller(rows.end * kPanel, w.columns));
    });
    for (int64_t done = 0; done < depth; ++runs) done += runs->length;
  }
}

}  // namespace zt::ZT_ISA
