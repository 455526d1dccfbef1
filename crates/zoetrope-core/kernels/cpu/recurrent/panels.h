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

// out [kCount][stride] = start + rows · kTogether panels, where `start` is null for what `out` holds.
template <int kCount, int kTogether>
ZT_NOINLINE void panel_tile(const float* const* rows, int64_t k, int64_t depth, const float* panels, const float* start,
                            float* out, int64_t stride) {
  const float* at[kCount];
  for (int r = 0; r < kCount; ++r) at[r] = rows[r] + k;
  VF sums[kCount][2 * kTogether];
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < 2 * kTogether; ++v) sums[r][v] = zero();
  multiply_add(at, panels, depth * kPanel, depth, sums);
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < 2 * kTogether; ++v) {
      float* const to = out + r * stride + v * kWidth;
      //  Block by block: a long sum would lose digits.
      store(to, load(start != nullptr ? start + v * kWidth : to) + sums[r][v]);
    }
}

// How many of kGates panels a tile of so many rows takes: few rows would leave the multiplier waiting for sums.
template <int kGates>
constexpr int panels_together(int rows) {
  int together = kGates;
  while (together > 1 && (rows * 2 * together > kMaxSums || kGates % together != 0)) --together;
  return together;
}

// out [count][kGates][kPanel] = start [kGates][kPanel] + rows · the panels of kPanel units, of which the first is
// number `panel`.
template <int kGates>
ZT_INLINE void multiply_panels(const Panels& p, const float* weights, int64_t panel, const float* const* rows,
                               int64_t count, const float* start, float* out) {
  constexpr int64_t kStride = kGates * kPanel;
  for (int64_t k = 0; k < p.depth; k += kDepth) {
    const int64_t depth = smaller(kDepth, p.depth - k);
    const float* const panels = weights + p.at(k, panel);
    const auto begin = [&](int gate) { return k == 0 ? start + gate * kPanel : nullptr; };
    if (count > kRows) {
      for (int gate = 0; gate < kGates; ++gate)
        for_tiles(count, [&](auto constant, int64_t first) {
          panel_tile<decltype(constant)::count, 1>(rows + first, k, depth, panels + gate * depth * kPanel, begin(gate),
                                                   out + first * kStride + gate * kPanel, kStride);
        });
      continue;
    }
    with_rows<kRows>(count, [&](auto constant) {
      constexpr int kCount = decltype(constant)::count, kTogether = panels_together<kGates>(kCount);
      for (int gate = 0; gate < kGates; gate += kTogether)
        panel_tile<kCount, kTogether>(rows, k, depth, panels + gate * depth * kPanel, begin(gate), out + gate * kPanel,
                                      kStride);
    });
  }
}

}  // namespace zt::ZT_ISA
