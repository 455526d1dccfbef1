// Tall products: many rows by few columns. The threads divide the rows. The right matrix is packed once, for all of them.
//
//   c [m][columns] = a [m][depth] · b [depth][columns] + bias
//
// A row of a lies in runs of floats side by side. Every row has the same runs, from where it begins.
#pragma once

#include "product.h"

namespace zt::ZT_ISA {

struct Run {
  int64_t at, length;  //  floats from where the row begins
};

// The packed right matrix: [block][panel][rows of the block][kPanel]. Blocks are at most kMaxDepth rows.
struct TallWeights {
  int64_t depth, columns;

  int64_t blocks() const { return ceil_div(depth, kMaxDepth); }
  int64_t block() const { return depth == 0 ? 0 : ceil_div(depth, blocks()); }
  int64_t depth_from(int64_t k) const { return smaller(block(), depth - k); }
  int64_t panels() const { return ceil_div(columns, kPanel); }
  int64_t size() const { return panels() * kPanel * depth; }
  // Where the panel's rows from `k` on begin, the first of a block.
  int64_t at(int64_t k, int64_t panel) const { return (k * panels() + panel * depth_from(k)) * kPanel; }

  // Packs one panel of `value(k, column)`.
  template <typename Value>
  void pack(int64_t panel, float* packed, const Value& value) const {
    for (int64_t k = 0; k < depth; k += block())
      for (int64_t i = 0; i < depth_from(k); ++i)
        for (int64_t c = 0; c < kPanel; ++c) {
          const int64_t column = panel * kPanel + c;
          packed[at(k, panel) + i * kPanel + c] = column < columns ? value(k + i, column) : 0;
        }
  }
};

// The runs of a row, in order. None crosses a block's border.
class Runs {
  const TallWeights& weights_;
  Run* next_;
  int64_t k_ = 0;

 public:
  Runs(const TallWeights& weights, Run* out) : weights_(weights), next_(out) {}

  static int64_t most(const TallWeights& weights, int64_t given) { return given + weights.blocks(); }

  void add(int64_t at, int64_t length) {
    while (length > 0) {
      const int64_t block = weights_.block(), part = smaller(length, block - k_ % block);
      *next_++ = {at, part};
      at += part, length -= part, k_ += part;
    }
  }
};

// What a tile needs besides its rows.
struct TallTile {
  const Run* runs;
  int64_t depth;
  const float *panel, *bias;  //  bias: null to add to what c holds
  int64_t left;               //  columns, at least 1
  bool relu;
};

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
    multiply_add(a, t.panel + k * kPanel, 0, run->length, sums);
  }
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = t.left - v * kWidth;
      if (left <= 0) continue;
      float* const to = c[r] + column + v * kWidth;
      //  Block by block: a long sum would lose digits.
      const VF sum = sums[r][v] + (t.bias != nullptr ? load(t.bias + column + v * kWidth) : load_first(to, left));
      store_first(to, t.relu ? max(zero(), sum) : sum, left);  //  in this order of arguments a NaN stays
    }
}

// The rows that a thread multiplies with the panels `first` … `end`.
struct TallRows {
  int64_t m;
  const float* const* a;
  float* const* c;
  int64_t first, end;
};

// Computes those rows and columns of c, and calls finish(row, count) for rows that are done. `bias` has whole panels.
template <typename Finish>
static void multiply_tall(const TallWeights& w, const float* packed, const float* bias, bool relu, const Run* runs,
                          const TallRows& rows, const Finish& finish) {
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
      if (is_last) finish(row, kCount);
    });
    for (int64_t done = 0; done < depth; ++runs) done += runs->length;
  }
}

}  // namespace zt::ZT_ISA
