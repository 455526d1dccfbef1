// Tall products: many rows by few columns. The threads divide the rows. The right matrix is packed once, for all of
// them.
//
//   c [m][columns] = a [m][depth] · b [depth][columns] + bias
//
// A row of a lies in runs of floats side by side, or each float by itself (Run, Place). Every row has the same ones,
// from where it begins. The sums are the same, bit by bit.
#pragma once

#include <cmath>
#include <type_traits>

#include "tall_tiles.h"

namespace zt::ZT_ISA {

// What a tile needs besides its rows.
template <typename Where>
struct TallTile {
  const Where* where;
  int64_t depth;
  const float *panel, *bias;  //  bias: null to add to what c holds
  int64_t left;               //  columns, at least 1
  bool relu;
};

// A tile's sums, on their way to a part of c's vectors. Not inlined: the tile would keep its sums out of registers.
template <int kVectors, typename Where>
ZT_NOINLINE void store_tall(const TallTile<Where>& t, const float* sums, int64_t count, float* const* c,
                            int64_t column) {
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

// Of one panel or of two.
template <int kCount, int kVectors, typename Where>
ZT_NOINLINE void tall_tile(const TallTile<Where>& t, const float* const* rows, float* const* c, int64_t column) {
  VF sums[kCount][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = zero();
      __builtin_prefetch(c[r] + column + v * kWidth, 1);  //  c comes while the sums are made
    }
  constexpr int kEach = kVectors > 2 ? 2 : kVectors;
  if constexpr (std::is_same_v<Where, Place>) {
    const Place* const places = t.where;
    multiply_add<kEach>(
        rows, t.panel, t.depth * kPanel, t.depth, sums, [](int64_t) {}, [&](int64_t k) { return places[k].at; });
  } else {
    const Run* run = t.where;
    for (int64_t k = 0; k < t.depth; k += run->length, ++run) {
      const float* a[kCount];
#pragma GCC unroll 12
      for (int r = 0; r < kCount; ++r) a[r] = rows[r] + run->at;
      multiply_add<kEach>(a, t.panel + k * kPanel, t.depth * kPanel, run->length, sums, [](int64_t) {});
    }
  }
  if (t.left >= kVectors * kWidth) {
    const VF least = broadcast(t.relu ? 0.0f : -HUGE_VALF);
#pragma GCC unroll 12
    for (int r = 0; r < kCount; ++r) {
      float* const to = c[r] + column;
      const float* const start = t.bias != nullptr ? t.bias + column : to;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)  //  in this order of arguments a NaN stays
        store(to + v * kWidth, max(least, sums[r][v] + load(start + v * kWidth)));
    }
    return;
  }
  alignas(64) float stored[kCount * kVectors * kWidth];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(stored + (r * kVectors + v) * kWidth, sums[r][v]);
  store_tall<kVectors>(t, stored, kCount, c, column);
}

// Computes the columns of some panels of one block, kPanels panels at once.
template <int kPanels, int kLeast, int kTileRows, typename Where, typename Finish>
ZT_INLINE void multiply_tall_block(const TallWeights& w, const float* packed, TallTile<Where> tile, int64_t k,
                                   const TallRows& rows, const Finish& finish) {
  const bool is_last = k + tile.depth == w.depth;
  for_tiles<kLeast, kTileRows>(rows.m, [&](auto constant, int64_t row) {
    constexpr int kCount = decltype(constant)::count;
    for (int64_t panel = rows.first; panel < rows.end; panel += kPanels) {
      const int64_t column = panel * kPanel;
      tile.panel = packed + w.at(k, panel), tile.left = w.columns - column;
      if (kPanels > 1 || tile.left > kWidth)
        tall_tile<kCount, 2 * kPanels>(tile, rows.a + row, rows.c + row, column);
      else
        tall_tile<kCount, 1>(tile, rows.a + row, rows.c + row, column);
    }
    if (is_last) finish(row, kCount, rows.first * kPanel, smaller(rows.end * kPanel, w.columns));
  });
}

// Computes those rows and columns of c, and calls finish(row, count, column, end) for what is done. `bias` has whole
// panels; `scratch`, of the thread, has tall_scratch(w) floats. The tile unit
// takes runs alone.
template <typename Where, typename Finish>
static void multiply_tall(const TallWeights& w, const float* packed, const float* bias, bool relu, const Where* where,
                          const TallRows& rows, float* scratch, const Finish& finish) {
#if defined(__AMX_BF16__)
  if constexpr (std::is_same_v<Where, Run>)
    if (w.on_tiles) return amx::multiply_tall(w, packed, bias, relu, where, rows, scratch, finish);
#endif
  (void)scratch;
  const int64_t columns = smaller(rows.end * kPanel, w.columns) - rows.first * kPanel;
  const int64_t odd = rows.first + (rows.m > kWideRows ? wide_panels(columns) : 0);
  for (int64_t k = 0; k < w.depth; k += w.block()) {
    const TallTile<Where> tile = {
        where, w.depth_from(k), nullptr, k == 0 ? bias : nullptr, 0, relu && k + w.depth_from(k) == w.depth};
    if constexpr (kWide > 1)
      if (rows.first < odd)
        multiply_tall_block<kWide, kWideRows / 2, kWideRows>(w, packed, tile, k,
                                                             {rows.m, rows.a, rows.c, rows.first, odd}, finish);
    if (odd < rows.end)
      multiply_tall_block<1, 1, kRows>(w, packed, tile, k, {rows.m, rows.a, rows.c, odd, rows.end}, finish);
    if constexpr (std::is_same_v<Where, Place>)
      where += tile.depth;
    else
      for (int64_t done = 0; done < tile.depth; ++where) done += where->length;
  }
}

}  // namespace zt::ZT_ISA
