// The products of panels.h on the tile unit (simd/amx.h), where the machine has one.
#pragma once

#include "../simd/amx.h"
#include "amx.h"

namespace zt::ZT_ISA {

#if defined(__AMX_BF16__)

// Whether the steps multiply W_hh, or W_ih, on the tile unit. With fewer units or features, most of a tile would be
// empty. The number of clips must not matter: a clip's results may not depend on the clips beside it.
ZT_INLINE bool steps_on_tiles(const Sizes& z) { return zt_isa() == Isa::amx && z.recurs() && z.hidden >= 48; }
ZT_INLINE bool inputs_on_tiles(const Sizes& z) {
  return zt_isa() == Isa::amx && projects_by_span(z) && z.features >= 24;
}

namespace amx {

// Panels in parts: [panel][two times 16 columns][depth / kStep][part][tile].
ZT_INLINE int64_t panel_parts(const Panels& p) { return p.count() * 2 * packed_floats(p.depth); }

// Floats of the parts of so many rows.
ZT_INLINE int64_t row_parts(int64_t count, int64_t depth) { return ceil_div(count, kSide) * packed_floats(depth); }

// All threads come here; `own`, for kPanel rows where there are several pixels, is the thread's.
ZT_INLINE void pack_panels(const Panels& p, const WeightRows& rows, float* out, float* own) {
#pragma omp for schedule(static)
  for (int64_t panel = 0; panel < p.count(); ++panel) {
    const int64_t unit = panel / p.gates * kPanel, gate = panel % p.gates * p.hidden + unit;
    const int64_t exist = smaller(kPanel, p.hidden - unit);
    const float* from = rows.weights + rows.z.weight_row(gate) * rows.width;
    if (rows.pixels > 1) rows.read(gate, exist, own), from = own;
    for (int64_t half = 0; half < 2; ++half)
      pack_rows_transposed([&](int64_t r) { return from + smaller(half * kSide + r, exist - 1) * p.depth; }, p.depth,
                           out + (panel * 2 + half) * packed_floats(p.depth));
  }
}

// The panels of columns of w [depth][hidden]. All threads come here.
ZT_INLINE void pack_panels(const Panels& p, const float* w, float* out) {
#pragma omp for schedule(static)
  for (int64_t panel = 0; panel < p.count(); ++panel)
    pack_columns([&](int64_t k) { return w + k * p.hidden + panel * kPanel; }, p.depth, p.hidden - panel * kPanel,
                 kPanel, out + panel * 2 * packed_floats(p.depth));
}

// The parts of some clips' rows.
ZT_INLINE void pack_clips(const float* const* rows, int64_t count, int64_t depth, float* out) {
  for (int64_t first = 0; first < count; first += kSide, out += packed_floats(depth))
    pack_rows([&](int64_t r) { return rows[smaller(first + r, count - 1)]; }, depth, out);
}

// Out [count up to whole tiles][kGates][kPanel], like multiply_panels(); `start` may be null: zeros. `rows` is what
// pack_clips() leaves.
template <int kGates>
ZT_INLINE void multiply_panels(const Panels& p, const float* parts, int64_t panel, const float* rows, int64_t count,
                               const float* start, float* out) {
  constexpr int64_t kColumns = kGates * kPanel;
  const int64_t packed = packed_floats(p.depth);
  for (int64_t k = 0; k < p.depth; k += kPartsDepth) {
    const int64_t steps = ceil_div(smaller(kPartsDepth, p.depth - k), kStep), at = k / kStep * kStepFloats;
    const bool adds = k > 0 || start != nullptr;
    alignas(64) float sums[kPair * kColumns];
    for (int64_t row = 0; row < count; row += kPair) {
      float* const to = out + row * kColumns;
      float* const c = adds ? sums : to;
      const float* const a = rows + row / kSide * packed + at;
      const bool few = count - row <= kSide;
      for (int64_t gate = 0; gate < kGates;) {
        const float* const b = parts + (panel + gate) * 2 * packed + at;
        if (few && gate + 1 < kGates) {
          multiply_few<true>(a, b, packed, steps, c + gate * kPanel, kColumns);
          gate += 2;
          continue;
        }
        if (few)
          multiply_few<false>(a, b, packed, steps, c + gate * kPanel, kColumns);
        else
          multiply(a, a + packed, b, b + packed, steps, c + gate * kPanel, kColumns, [](int64_t) {});
        ++gate;
      }
      for (int64_t r = 0; r < smaller(kPair, count - row) && adds; ++r)
        for (int64_t v = 0; v < kColumns; v += kWidth)
          store(to + r * kColumns + v,
                load(k == 0 ? start + v : to + r * kColumns + v) + load(sums + r * kColumns + v));
    }
  }
}

}  // namespace amx

#else  //  nothing below is called

ZT_INLINE bool steps_on_tiles(const Sizes&) { return false; }
ZT_INLINE bool inputs_on_tiles(const Sizes&) { return false; }

namespace amx {
struct TileUnit {
  explicit TileUnit(bool) {}
};
ZT_INLINE int64_t panel_parts(const Panels&) { return 0; }
ZT_INLINE int64_t row_parts(int64_t, int64_t) { return 0; }
ZT_INLINE void pack_panels(const Panels&, const WeightRows&, float*, float*) {}
ZT_INLINE void pack_panels(const Panels&, const float*, float*) {}
ZT_INLINE void pack_clips(const float* const*, int64_t, int64_t, float*) {}
template <int kGates>
ZT_INLINE void multiply_panels(const Panels&, const float*, int64_t, const float*, int64_t, const float*, float*) {}
}  // namespace amx

#endif

// Whether the projection of all steps is made there.
ZT_INLINE bool projects_on_tiles(const Sizes& z) { return takes_tiles(z) && !projects_by_span(z); }

}  // namespace zt::ZT_ISA
