// The gradient of a convolution's weights on the tile unit (simd/amx.h). A row of A is an output channel, a column of B
// a column of the patches, and the depth are patches.
//
// The parts of dy are made once for all panels of the task. Those of the next panel are made, and the sums of the call
// before are added, while the tile unit multiplies.
#pragma once

#include "columns.h"

namespace zt::ZT_ISA {

#if defined(__AMX_BF16__)

namespace amx {

constexpr int64_t kDeep = 512;  //  patches whose products are summed by the tile unit
constexpr int64_t kFound = kDeep * kPanel + kWidth;

// Parts of dy, 16 channels from `channel` on.
ZT_INLINE void pack_channels(const Gradient& g, int64_t patch, int64_t count, int64_t channel, float* out) {
  const auto values = [&](int64_t i) {
    return i < count && channel < g.channels ? g.passed_at(patch + i, channel) : zero();
  };
  for (int64_t k = 0; k < count; k += kStep, out += kStepFloats) {
    alignas(64) float columns[kStepFloats];
    for (int64_t pair = 0; pair < kSide; ++pair)
      split(values(k + pair), values(k + kSide + pair), columns + pair * kSide);
    for (int part = 0; part < 3; ++part) transpose_block(columns + part * kTile, kSide, out + part * kTile, kSide);
  }
}

// Parts of one panel's columns.
struct PanelParts {
  float *found, *parts;
  const float* rows[kDeep];
  int64_t count;

  void find(const Columns& columns, int64_t patch, int64_t patches) {
    count = patches;
    columns.find(patch, count, found, rows);
  }

  // The pairs begin … end of patches.
  void pack(int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t step = i / kSide, pair = i % kSide, low = step * kStep + pair, high = low + kSide;
      for (int64_t v = 0; v < 2; ++v) {
        const VF none = zero();
        split(low < count ? load(rows[low] + v * kWidth) : none, high < count ? load(rows[high] + v * kWidth) : none,
              parts + v * packed_floats(count) + step * kStepFloats + pair * kSide);
      }
    }
  }
};

static void sum_weight(const Gradient& g, float* scratch) {
  const TileUnit unit;
  Cutter cut(scratch);
  float* const a = cut.take(kChannels / kSide * packed_floats(kDeep));
  PanelParts both[2];
  for (PanelParts& each : both) each.found = cut.take(kFound), each.parts = cut.take(2 * packed_floats(kDeep));
  alignas(64) float sums[2][kPair * kPair];
  for (int64_t patch = g.begin; patch < g.end; patch += kDeep) {
    const int64_t count = smaller(kDeep, g.end - patch), steps = ceil_div(count, kStep), side = packed_floats(count);
    const int64_t calls = ceil_div(g.channels, kPair), pairs = steps * kSide;
    for (int64_t side_of = 0; side_of < 2 * calls; ++side_of)
      pack_channels(g, patch, count, side_of * kSide, a + side_of * side);
    both[0].find(g.columns[0], patch, count);
    both[0].pack(0, pairs);
    // Adds the sums of rows begin … end of a call.
    const auto add = [&](int64_t call, int64_t begin, int64_t end) {
      const int64_t panel = call / calls, channel = call % calls * kPair;
      for (int64_t r = begin; r < smaller(end, g.channels - channel); ++r)
        for (int64_t v = 0; v < kPair; v += kWidth) {
          float* const to = g.sums_at(panel, channel + r) + v;
          const VF sum = load(sums[call % 2] + r * kPair + v);
          store(to, patch > g.begin ? load(to) + sum : sum);
        }
    };
    for (int64_t panel = 0; panel < g.panels; ++panel) {
      PanelParts &now = both[panel % 2], &next = both[(panel + 1) % 2];
      const bool has_next = panel + 1 < g.panels;
      if (has_next) next.find(g.columns[panel + 1], patch, count);
      for (int64_t i = 0; i < calls; ++i) {
        const int64_t call = panel * calls + i;
        const float *const rows = a + 2 * i * side, *const columns = now.parts;
        const int64_t shares = kShares * steps;
        const Parted rows_added(kPair, shares), pairs_packed(pairs, calls * shares);
        multiply(rows, rows + side, columns, columns + side, steps, sums[call % 2], kPair,
                 [&](int64_t share) ZT_NOINLINE_LAMBDA {
                   if (call > 0) add(call - 1, rows_added.until(share), rows_added.until(share + 1));
                   const int64_t before = i * shares + share;
                   if (has_next) next.pack(pairs_packed.until(before), pairs_packed.until(before + 1));
                 });
      }
    }
    add(g.panels * calls - 1, 0, kPair);
  }
}

}  // namespace amx

// Floats that a thread needs.
ZT_INLINE int64_t gradient_scratch() {
  return kChannels / amx::kSide * amx::packed_floats(amx::kDeep) +
         2 * (round_up(amx::kFound, 16) + 2 * amx::packed_floats(amx::kDeep));
}

ZT_INLINE void sum_weight_on_tiles(const Gradient& g, float* scratch) { amx::sum_weight(g, scratch); }

#else  //  never called

ZT_INLINE int64_t gradient_scratch() { return 0; }
ZT_INLINE void sum_weight_on_tiles(const Gradient&, float*) {}

#endif

}  // namespace zt::ZT_ISA
