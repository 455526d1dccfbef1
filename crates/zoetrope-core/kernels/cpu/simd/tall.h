// What the two forms of tall products share (tall_product.h): the packed weights, and where the rows lie.
#pragma once

#include "../isa.h"
#include "amx.h"
#include "product.h"

namespace zt::ZT_ISA {

// Where the values of a row lie, in floats from where it begins: in runs side by side, or each by itself.
struct Run {
  int64_t at, length;
};
struct Place {
  int32_t at;
};

// The packed right matrix: [block][panel][rows of the block][kPanel], or for the tile unit [block][panel][the panel's
// parts]. Blocks are whole steps of the tile unit.
struct TallWeights {
  static constexpr int64_t kStep = 32;
  static constexpr int64_t kTileDepth = 64, kTileColumns = 32;  //  the fewest of a product on tiles
  static constexpr int64_t kMostOnTiles = 512;                  //  rows of a block there

  int64_t depth, columns;
  bool on_tiles;

  TallWeights(int64_t depth_, int64_t columns_)
      : depth(depth_), columns(columns_), on_tiles(takes_tiles(depth_, columns_)) {}

  // With fewer columns, taking the rows into parts costs more than the tile unit saves.
  static bool takes_tiles(int64_t depth, int64_t columns) {
#if defined(__AMX_BF16__)
    return zt_isa() == Isa::amx && depth >= kTileDepth && columns >= kTileColumns;
#else
    return (void)depth, (void)columns, false;
#endif
  }

  int64_t blocks() const { return ceil_div(depth, on_tiles ? kMostOnTiles : kMaxDepth); }
  int64_t block() const { return depth == 0 ? 0 : round_up(ceil_div(depth, blocks()), kStep); }
  int64_t depth_from(int64_t k) const { return smaller(block(), depth - k); }
  int64_t panels() const { return ceil_div(columns, kPanel); }
  int64_t size() const { return panels() * panel_floats(depth); }
  // Floats that a panel of so many rows takes.
  int64_t panel_floats(int64_t rows) const {
#if defined(__AMX_BF16__)
    if (on_tiles) return kPanel / amx::kSide * amx::packed_floats(rows);
#endif
    return rows * kPanel;
  }
  // Where the panel's rows from `k` on begin, the first of a block.
  int64_t at(int64_t k, int64_t panel) const {
    return panel_floats(k) * panels() + panel * panel_floats(depth_from(k));
  }

  // Packs one panel. Element (k, column) is at row(k)[column * stride].
  template <typename Row>
  void pack(int64_t panel, int64_t stride, float* packed, const Row& row) const {
    const int64_t first = panel * kPanel, count = smaller(kPanel, columns - first);
    for (int64_t k = 0; k < depth; k += block()) {
      float* const to = packed + at(k, panel);
      const int64_t rows = depth_from(k);
      const auto copy = [&](int64_t i, float* line) {
        const float* const from = i < rows ? row(k + i) + first * stride : nullptr;
        for (int64_t c = 0; c < kPanel; ++c) line[c] = from != nullptr && c < count ? from[c * stride] : 0;
      };
      for (int64_t i = 0; i < rows && !on_tiles; ++i) copy(i, to + i * kPanel);
#if defined(__AMX_BF16__)
      for (int64_t i = 0; i < rows && on_tiles; i += kStep) {
        alignas(64) float lines[kStep * kPanel];
        for (int64_t n = 0; n < kStep; ++n) copy(i + n, lines + n * kPanel);
        for (int64_t n = 0; n < kStep / 2; ++n)
          for (int64_t c = 0; c < kPanel; c += kWidth)
            amx::split(load(lines + n * kPanel + c), load(lines + (n + kStep / 2) * kPanel + c),
                       to + c / kWidth * amx::packed_floats(rows) + i / kStep * amx::kStepFloats + n * kWidth);
      }
#endif
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

// The rows that a thread multiplies with the panels `first` … `end`.
struct TallRows {
  int64_t m;
  const float* const* a;
  float* const* c;
  int64_t first, end;
};

}  // namespace zt::ZT_ISA
