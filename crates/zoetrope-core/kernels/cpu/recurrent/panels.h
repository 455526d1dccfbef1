// The weights of a recurrent layer in panels, and the products of some clips' rows with the panels of kPanel units.
#pragma once

#include "sizes.h"

namespace zt::ZT_ISA {

// [depth / kDepth][hidden / kPanel][gates][kDepth][kPanel]: a panel has one gate of kPanel units. The panels of the
// same units' gates lie side by side. Values of units that do not exist are never used.
struct Panels {
  int64_t hidden, gates, depth;

  int64_t count() const { return ceil_div(hidden, kPanel) * gates; }
  int64_t size() const { return count() * kPanel * depth; }
  // Where the rows of a panel from `k` on begin, a multiple of kDepth.
  int64_t at(int64_t k, int64_t panel) const { return (k * count() + panel * smaller(kDepth, depth - k)) * kPanel; }
  // Where those begin that are read after the rows from `k` on of some gates' panels.
  int64_t following(int64_t k, int64_t panel, int64_t of_gates) const {
    if (k + kDepth < depth) return at(k + kDepth, panel);
    return panel + of_gates < count() ? at(0, panel + of_gates) : 0;
  }
};

// Brings a cache line into L2. Not a lambda: GCC takes one that does nothing else for a function without effect.
struct Fetch {
  const float* lines;
  ZT_INLINE_MEMBER void operator()(int64_t i) const { __builtin_prefetch(lines + i * kLine, 0, 2); }
};

// out [kCount][stride] = start [kTogether][kPanel] + rows · the first kEach vectors of kTogether panels, where `start`
// is null for what `out` holds. The results of two panels lie `apart` floats apart. Not static: the forward and the
// backward pass share the linker's copy. Meanwhile the cache line at `coming` comes into L2, and so do those behind it,
// one for each row of the panels.
template <int kEach, int kCount, int kTogether>
__attribute__((noinline)) void panel_tile(const float* const* rows, int64_t k, int64_t depth, const float* panels,
                                          const float* start, float* out, int64_t stride, int64_t apart,
                                          const float* coming) {
  constexpr int kVectors = kEach * kTogether;
  const float* at[kCount];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r) at[r] = rows[r] + k;
  VF sums[kCount][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = zero();
  multiply_add<kEach>(at, panels, depth * kPanel, depth, sums, Fetch{coming});
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float* const to = out + r * stride + v / kEach * apart + v % kEach * kWidth;
      //  Block by block: a long sum would lose digits.
      store(to, load(start != nullptr ? start + v / kEach * kPanel + v % kEach * kWidth : to) + sums[r][v]);
    }
}

// How many of kGates panels a tile of so few rows takes: otherwise they would leave the multiplier waiting for sums.
template <int kEach, int kGates>
constexpr int panels_together(int rows) {
  int together = kGates;
  while (together > 1 && (rows * kEach * together > kMaxSums || kGates % together != 0)) --together;
  return together;
}

// One block of multiply_panels(): `panels` are the first gate's rows from `k` on, of which the first kEach vectors are
// used. `coming` are the panels that are read next.
template <int kEach, int kGates>
ZT_INLINE void multiply_block(const float* panels, int64_t k, int64_t depth, const float* const* rows, int64_t count,
                              const float* start, float* out, const float* coming) {
  constexpr int64_t kStride = kGates * kPanel;
  constexpr int kMany = kGates > 1 ? kWide : 1;  //  panels of a tile of many rows
  constexpr int kMost = kRows * kEach * kMany > kMaxSums ? kWideRows : kRows;
  const auto multiply_gates = [&](auto together, int gate, const auto& for_each_tile) {
    constexpr int kTogether = decltype(together)::count;
    const float* const here = panels + gate * depth * kPanel;
    const float* const next = gate + kTogether < kGates ? here + kTogether * depth * kPanel : coming;
    const int64_t shares = larger(kTogether * kPanel / kLine, 1);  //  each tile fetches one of the next panels'
    int64_t share = 0;
    for_each_tile([&](auto constant, int64_t first) {
      panel_tile<kEach, decltype(constant)::count, kTogether>(
          rows + first, k, depth, here, k == 0 ? start + gate * kPanel : nullptr, out + first * kStride + gate * kPanel,
          kStride, kPanel, next + smaller(share++, shares - 1) * depth * kLine);
    });
  };
  if (count > kMost) {
    for (int gate = 0; gate + kMany <= kGates; gate += kMany)
      multiply_gates(RowCount<kMany>(), gate, [&](const auto& body) { for_tiles<kMost / 2, kMost>(count, body); });
    if constexpr (kGates % kMany != 0)
      multiply_gates(RowCount<1>(), kGates - 1, [&](const auto& body) { for_tiles<kRows / 2>(count, body); });
    return;
  }
  with_rows<kMost>(count, [&](auto constant) {
    constexpr int kTogether = panels_together<kEach, kGates>(decltype(constant)::count);
    for (int gate = 0; gate < kGates; gate += kTogether)
      multiply_gates(RowCount<kTogether>(), gate, [&](const auto& body) { body(constant, int64_t{0}); });
  });
}

// out [count][kGates][kPanel] = start [kGates][kPanel] + rows · the panels of kPanel units, of which the first is
// number `panel`. Where at most kWidth of these units exist, the second half of each panel of `out` is left as it is.
template <int kGates>
ZT_NOINLINE void multiply_panels(const Panels& p, const float* weights, int64_t panel, const float* const* rows,
                                 int64_t count, const float* start, float* out) {
  const bool is_half = kWidth > 4 && p.hidden - panel / kGates * kPanel <= kWidth;
  for (int64_t k = 0; k < p.depth; k += kDepth) {
    const int64_t depth = smaller(kDepth, p.depth - k);
    const float *const panels = weights + p.at(k, panel), *const coming = weights + p.following(k, panel, kGates);
    is_half ? multiply_block<1, kGates>(panels, k, depth, rows, count, start, out, coming)
            : multiply_block<2, kGates>(panels, k, depth, rows, count, start, out, coming);
  }
}

}  // namespace zt::ZT_ISA
