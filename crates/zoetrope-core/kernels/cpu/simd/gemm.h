// Products of float matrices on vectors: one micro-kernel, and the packed panels that it reads.
//
// A panel holds kPanel columns of the right matrix, row by row: [depth][kPanel]. Columns that do not exist are zeros.
// Each sum is made in one order, from the first row of the panel to the last, whatever rows and panels share a tile. So
// the result of a row does not depend on the rows beside it.
#pragma once

#include "cutter.h"
#include "simd.h"

namespace zt::ZT_ISA {

constexpr int kPanel = 2 * kWidth;                    //   columns of a packed panel
constexpr int kMaxSums = kRegisters == 32 ? 24 : 12;  //   vectors of sums that leave registers for the operands
constexpr int kRows = kRegisters == 32 ? 11 : 6;  //   rows of a tile of one panel: the pointers of 12 leave no register
// Panels of a tile, where there are so many, and its rows then. Two of six rows take 10 loads for 24 multiplications;
// one of eleven takes 13 for 22, and is a tenth slower on a core whose loads others disturb.
constexpr int kWide = kRegisters == 32 ? 2 : 1;
constexpr int kWideRows = kRegisters == 32 ? 6 : kRows;
constexpr int kStepsAtOnce = kRegisters == 32 ? 2 : 1;  //  of a product's loop

constexpr int64_t kMaxPanel = 32, kMaxRows = 12;  //   of any instruction set
constexpr int64_t kDepth = 256 / kWide;           //   rows of a block: its panels (16 or 32 KiB) stay in L1

// A tile of a long product is a function of its own. If it were inlined, there would be too few registers for its row
// pointers.
#define ZT_NOINLINE static __attribute__((noinline))
#define ZT_NOINLINE_LAMBDA __attribute__((noinline))

// sums[r][v] += Σ_k a[r][place(k)] · b[k][v], where v counts the first kEach vectors of some panels. The panels are
// `stride` floats apart. Calls beside(k) for each k.
template <int kEach, int kTileRows, int kVectors, typename Beside, typename Place>
ZT_INLINE void multiply_add(const float* const* a, const float* b, int64_t stride, int64_t depth,
                            VF (&sums)[kTileRows][kVectors], const Beside& beside, const Place& place) {
  VF local[kTileRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) local[r][v] = sums[r][v];
  const float* row[kTileRows];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r) row[r] = a[r];
#pragma GCC unroll kStepsAtOnce
  for (int64_t k = 0; k < depth; ++k) {
    beside(k);
    const int64_t from = place(k);
    VF values[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) values[v] = load(b + v / kEach * stride + k * kPanel + v % kEach * kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; ++r) {
      const VF scale = broadcast(row[r][from]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) local[r][v] = fma(scale, values[v], local[r][v]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = local[r][v];
}

// The same where the values of a row lie side by side.
template <int kEach, int kTileRows, int kVectors, typename Beside>
ZT_INLINE void multiply_add(const float* const* a, const float* b, int64_t stride, int64_t depth,
                            VF (&sums)[kTileRows][kVectors], const Beside& beside) {
  multiply_add<kEach>(a, b, stride, depth, sums, beside, [](int64_t k) { return k; });
}

// The same for one panel, or its first vector.
template <int kTileRows, int kVectors>
ZT_INLINE void multiply_add(const float* const* a, const float* panel, int64_t depth, VF (&sums)[kTileRows][kVectors]) {
  multiply_add<kVectors>(a, panel, 0, depth, sums, [](int64_t) {});
}

// Calls body(RowCount<count>()): the number of rows, kLeast … kMost, as a constant.
template <int kCount>
struct RowCount {
  static constexpr int count = kCount;
};

template <int kMost, int kLeast = 1, typename Body>
ZT_INLINE void with_rows(int64_t count, Body&& body) {
  if (count == kMost) return body(RowCount<kMost>());
  if constexpr (kMost > kLeast) with_rows<kMost - 1, kLeast>(count, static_cast<Body&&>(body));
}

// Calls body(RowCount<n>(), first) for tiles of at most kMost rows that are about as large. Of more than kMost rows
// each tile has kMost / 2 or more.
template <int kLeast = 1, int kMost = kRows, typename Body>
ZT_INLINE void for_tiles(int64_t rows, Body&& body) {
  const int64_t tiles = ceil_div(rows, kMost);
  for (int64_t tile = 1, first = 0, end = 0; tile <= tiles; ++tile, first = end) {
    end = rows * tile / tiles;
    with_rows<kMost, kLeast>(end - first, [&](auto constant) { body(constant, first); });
  }
}

// How many of the first panels of so many columns are multiplied kWide at once: whole ones but for a last vector.
ZT_INLINE int64_t wide_panels(int64_t columns) {
  return kWide > 1 && columns > kWidth ? round_down(ceil_div(columns - kWidth, kPanel), kWide) : 0;
}

// out[k][c] = rows[k][c] for `columns` columns, zeros up to kPanel.
ZT_INLINE void pack_panel(const float* rows, int64_t stride, int64_t depth, int64_t columns, float* out) {
  for (int64_t k = 0; k < depth; ++k) {
    store(out + k * kPanel, load_first(rows + k * stride, larger(columns, 0)));
    store(out + k * kPanel + kWidth, load_first(rows + k * stride + kWidth, larger(columns - kWidth, 0)));
  }
}

}  // namespace zt::ZT_ISA
