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
};

// out [kCount][stride] = start + rows · the first kEach vectors of kTogether panels, where `start` is null for what
// `out` holds. Not static: the forward and the backward pass share the linker's copy.
template <int kEach, int kCount, int kTogether>
__attribute__((noinline)) void panel_tile(const float* const* rows, int64_t k, int64_t depth, const float* panels,
                                          const float* start, float* out, int64_t stride) {
  constexpr int kVectors = kEach * kTogether;
  const float* at[kCount];
  for (int r = 0; r < kCount; ++r) at[r] = rows[r] + k;
  VF sums[kCount][kVectors];
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = zero();
  multiply_add<kEach>(at, panels, depth * kPanel, depth, sums);
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < kVectors; ++v) {
      const int64_t column = v / kEach * kPanel + v % kEach * kWidth;
      float* const to = out + r * stride + column;
      //  Block by block: a long sum would lose digits.
      store(to, load(start != nullptr ? start + column : to) + sums[r][v]);
    }
}

// How many of kGates panels a tile of so many rows takes: few rows would leave the multiplier waiting for sums.
template <int kEach, int kGates>
constexpr int panels_together(int rows) {
  int together = kGates;
  while (together > 1 && (rows * kEach * together > kMaxSums || kGates % together != 0)) --together;
  return together;
}

// One block of multiply_panels(): `panels` are the first gate's rows from `k` on, of which the first kEach vectors are
// used.
template <int kEach, int kGates>
ZT_INLINE void multiply_block(const float* panels, int64_t k, int64_t depth, const float* const* rows, int64_t count,
                              const float* start, float* out) {
  constexpr int64_t kStride = kGates * kPanel;
  const auto begin = [&](int gate) { return k == 0 ? start + gate * kPanel : nullptr; };
  if (count > kRows) {
    constexpr int kTogether = panels_together<kEach, kGates>(kRows);
    for (int gate = 0; gate < kGates; gate += kTogether)
      for_tiles<kRows / 2>(count, [&](auto constant, int64_t first) {
        panel_tile<kEach, decltype(constant)::count, kTogether>(rows + first, k, depth, panels + gate * depth * kPanel,
                                                                begin(gate), out + first * kStride + gate * kPanel,
                                                                kStride);
      });
    return;
  }
  with_rows<kRows>(count, [&](auto constant) {
    constexpr int kCount = decltype(constant)::count, kTogether = panels_together<kEach, kGates>(kCount);
    for (int gate = 0; gate < kGates; gate += kTogether)
      panel_tile<kEach, kCount, kTogether>(rows, k, depth, panels + gate * depth * kPanel, begin(gate),
                                           out + gate * kPanel, kStride);
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
    const float* const panels = weights + p.at(k, panel);
    is_half ? multiply_block<1, kGates>(panels, k, depth, rows, count, start, out)
            : multiply_block<2, kGates>(panels, k, depth, rows, count, start, out);
  }
}

}  // namespace zt::ZT_ISA
