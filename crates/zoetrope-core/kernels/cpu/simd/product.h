// Long products of matrices, shared by all threads: c [m][columns] = a [m][depth] · b [depth][columns].
//
// A product is a struct that says where its rows lie:
//
//   int64_t m, depth, columns;  bool adds;      adds: to what c holds
//   const float* a(i, k)                        row i of a from column k on, for run(k) columns
//   int64_t run(k)
//   const float* b(k);  float* c(i)             rows
//   VF finish(sum, column)                      what becomes of a vector of finished sums
//
// Blocks of b are packed into panels that stay in L2. Their rows often lie a page or more apart, and unpacked they
// would share a few cache sets.
#pragma once

#include <omp.h>

#include "../isa.h"
#include "gemm.h"

namespace zt::ZT_ISA {

constexpr int64_t kBlock = 256;     //  columns of a block of b, at most
constexpr int64_t kMaxDepth = 256;  //  its rows

constexpr int64_t kTilesOfShare = 2;  //  rows of tiles of a thread, at least
constexpr int64_t kCacheLine = 16;    //  floats

// Floats that a thread needs for a packed block.
constexpr int64_t kProductWorkspace = kBlock * kMaxDepth;

// The columns of a block: a larger one reads a less often, but takes 256 KiB of L2.
ZT_INLINE int64_t block_columns() { return zt_l2_bytes() >= int64_t{1} << 20 ? kBlock : kBlock / 2; }

// Rows that lie `stride` floats apart, but from row `from` on `by` rows further; or where `places` says.
template <typename Float>
struct Rows {
  Float* at;
  int64_t stride, from, by;
  const int32_t* places = nullptr;

  Rows(Float* begin, int64_t row_stride, int64_t first_moved = INT64_MAX, int64_t moved_by = 0)
      : at(begin), stride(row_stride), from(first_moved), by(moved_by) {}
  Rows(Float* begin, int64_t row_stride, const int32_t* row_places)
      : at(begin), stride(row_stride), from(INT64_MAX), by(0), places(row_places) {}
  Float* operator[](int64_t i) const { return at + place(i) * stride; }
  int64_t place(int64_t i) const { return places != nullptr ? places[i] : i >= from ? i + by : i; }
};

// A product of plain matrices.
struct Product {
  int64_t m, depth, columns;
  Rows<const float> a_rows, b_rows;
  Rows<float> c_rows;
  bool adds;
  const float* panels = nullptr;  //  b, packed before: ProductPanels

  const float* a(int64_t i, int64_t k) const { return a_rows[i] + k; }
  int64_t run(int64_t) const { return depth; }
  const float* b(int64_t k) const { return b_rows[k]; }
  float* c(int64_t i) const { return c_rows[i]; }
  VF finish(VF sum, int64_t) const { return sum; }
};

// All of b, packed before: [depth / kMaxDepth][columns / kPanel][kMaxDepth][kPanel]. It pays where b takes part in
// several products.
struct ProductPanels {
  int64_t depth, columns;

  int64_t size() const { return round_up(columns, kPanel) * depth; }
  // Where rows k … of the panel of that column begin.
  int64_t at(int64_t k, int64_t column) const {
    return k * round_up(columns, kPanel) + column * smaller(kMaxDepth, depth - k);
  }
};

// Null where a product has only its rows.
template <typename P>
ZT_INLINE const float* panels_of(const P&) {
  return nullptr;
}
ZT_INLINE const float* panels_of(const Product& p) { return p.panels; }

// Where a tile's sums go.
struct ProductTile {
  int64_t row, count, column, left;
  bool adds, is_last;  //  blocks are added one by one: a long sum would lose digits
};

// The sums of a tile at the end of c's rows or columns. Not inlined: the tile would keep its sums out of registers.
template <int kVectors, typename P>
ZT_NOINLINE void store_product(const P& p, const ProductTile& t, const float* sums) {
  for (int64_t r = 0; r < t.count; ++r)
    for (int64_t v = 0; v < kVectors && v * kWidth < t.left; ++v) {
      const int64_t column = t.column + v * kWidth, left = t.left - v * kWidth;
      float* const c = p.c(t.row + r) + column;
      VF sum = load(sums + (r * kVectors + v) * kWidth);
      if (t.adds) sum += load_first(c, left);
      if (t.is_last) sum = p.finish(sum, column);
      store_first(c, sum, left);
    }
}

// kTileRows rows of the first kVectors vectors of a panel, or of two; those from `last` on are left out.
template <int kTileRows, int kVectors, typename P>
ZT_NOINLINE void product_tile(const P& p, int64_t row, int64_t last, int64_t k, int64_t depth, int64_t column,
                              const float* panel) {
  const ProductTile t = {
      row, smaller(kTileRows, last - row), column, p.columns - column, k > 0 || p.adds, k + depth == p.depth};
  for (int64_t r = 0; r < t.count; ++r)  //  c comes while the sums are made
    for (int v = 0; v < kVectors && v * kWidth < t.left; ++v) __builtin_prefetch(p.c(row + r) + column + v * kWidth, 1);
  VF sums[kTileRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = zero();
  for (int64_t at = 0; at < depth;) {
    const int64_t run = smaller(depth - at, p.run(k + at));
    const float* a[kTileRows];
    for (int r = 0; r < kTileRows; ++r) a[r] = p.a(smaller(row + r, last - 1), k + at);
    multiply_add<(kVectors > 2 ? 2 : kVectors)>(a, panel + at * kPanel, depth * kPanel, run, sums, [](int64_t) {});
    at += run;
  }
  if (t.count == kTileRows && t.left >= kVectors * kWidth) {
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; ++r) {
      float* const c = p.c(row + r);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        VF sum = sums[r][v];
        if (t.adds) sum += load(c + column + v * kWidth);
        if (t.is_last) sum = p.finish(sum, column + v * kWidth);
        store(c + column + v * kWidth, sum);
      }
    }
    return;
  }
  alignas(64) float stored[kTileRows * kVectors * kWidth];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(stored + (r * kVectors + v) * kWidth, sums[r][v]);
  store_product<kVectors>(p, t, stored);
}

// Columns begin … end of b's rows k … k + depth, into panels of kPanel: row by row, as they lie in memory.
template <typename P>
ZT_INLINE void pack_block(const P& p, int64_t k, int64_t depth, int64_t begin, int64_t end, float* packed) {
  for (int64_t i = 0; i < depth; ++i) {
    const float* const row = p.b(k + i);
    for (int64_t column = begin; column < end; column += kPanel)
      pack_panel(row + column, 0, 1, p.columns - column, packed + (column - begin) * depth + i * kPanel);
  }
}

// All of b into `panels`. All threads come here.
ZT_INLINE void pack_product(const Product& p, float* panels) {
  const ProductPanels to = {p.depth, p.columns};
#pragma omp for schedule(static)
  for (int64_t k = 0; k < p.depth; k += kMaxDepth)
    pack_block(p, k, smaller(kMaxDepth, p.depth - k), 0, p.columns, panels + to.at(k, 0));
}

// Some columns of the rows of the next tile come from memory while this tile is computed.
template <typename P>
ZT_INLINE void fetch_rows(const P& p, int64_t row, int64_t end, int64_t k, int64_t column, int64_t until) {
  for (int64_t r = row; r < end; ++r)
    for (int64_t line = column; line < until; line += kCacheLine) __builtin_prefetch(p.a(r, k + line));
}

// Rows `first` … `last` by the columns from `begin` to `end`, kPanels panels at once: `panels` are those of `begin`.
template <int kTileRows, int kPanels, typename P>
ZT_INLINE void multiply_block(const P& p, int64_t first, int64_t last, int64_t k, int64_t depth, int64_t begin,
                              int64_t end, const float* panels) {
  constexpr int64_t kColumns = kPanels * kPanel;
  for (int64_t row = first; row < last; row += kTileRows)
    for (int64_t column = begin; column < end; column += kColumns) {
      const int64_t next = row + kTileRows, from = column - begin;
      fetch_rows(p, next, smaller(next + kTileRows, last), k, from, smaller(from + kColumns, depth));
      const float* const panel = panels + from * depth;
      kPanels > 1 || p.columns - column > kWidth
          ? product_tile<kTileRows, 2 * kPanels>(p, row, last, k, depth, column, panel)
          : product_tile<kTileRows, 1>(p, row, last, k, depth, column, panel);
    }
}

// Every thread calls this, with a workspace of its own, and computes its share; it does not wait for the others'. The
// threads divide the rows, and where there are few rows the columns as well: so each reads its own part of a, and the
// next product finds its part of c where this one left it.
template <typename P>
static void multiply(const P& p, float* packed) {
  const int64_t of_tile = wide_panels(p.columns) > 0 ? kWideRows : kRows;
  const int64_t threads = omp_get_num_threads(), tiles = ceil_div(p.m, of_tile);
  const int64_t parts = smaller(threads, larger(tiles / kTilesOfShare, 1)), across = ceil_div(threads, parts);
  const int64_t block = smaller(block_columns(), round_up(ceil_div(p.columns, across), kPanel));
  const int64_t blocks = ceil_div(p.columns, block);
  const float* const panels = panels_of(p);
#pragma omp for schedule(static) nowait
  for (int64_t task = 0; task < blocks * parts; ++task) {
    const int64_t part = task / blocks, begin = task % blocks * block, end = smaller(begin + block, p.columns);
    const int64_t first = tiles * part / parts * of_tile, last = smaller(tiles * (part + 1) / parts * of_tile, p.m);
    for (int64_t k = 0; k < p.depth; k += kMaxDepth) {
      const int64_t depth = smaller(kMaxDepth, p.depth - k);
      if (panels == nullptr) pack_block(p, k, depth, begin, end, packed);
      const float* const here = panels != nullptr ? panels + ProductPanels{p.depth, p.columns}.at(k, begin) : packed;
      const int64_t odd = begin + wide_panels(end - begin) * kPanel;
      if constexpr (kWide > 1)
        if (odd > begin) multiply_block<kWideRows, kWide>(p, first, last, k, depth, begin, smaller(odd, end), here);
      if (odd < end) multiply_block<kRows, 1>(p, first, last, k, depth, odd, end, here + (odd - begin) * depth);
    }
  }
}

}  // namespace zt::ZT_ISA
