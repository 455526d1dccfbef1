// Tall products (tall_product.h) on the tile unit (amx.h).
//
// A thread takes its rows into parts itself, some rows at a time, so that the parts lie in its L2: the next ones while
// the tile unit multiplies. The right matrix comes in parts.
#pragma once

#include "tall.h"

namespace zt::ZT_ISA {

#if defined(__AMX_BF16__)

namespace amx {

constexpr int64_t kTallParts = 1ll << 18;  //  floats of a block of the right matrix that stay in L2

// Rows whose parts are taken together. A matrix that is too large for L2 is read once for them all.
ZT_INLINE int64_t tall_rows(const TallWeights& w) {
  return w.panel_floats(w.block()) * w.panels() <= kTallParts ? kPair : 4 * kPair;
}

// Where the vectors of a row's block lie: each in pieces of runs, of which some lanes belong to it.
class Pieces {
  struct Piece {
    int64_t at;  //  of lane 0, though it may not be the piece's
    __mmask16 lanes;
    bool is_last;
  };
  Piece pieces_[TallWeights::kMostOnTiles + kStep];
  int32_t first_[TallWeights::kMostOnTiles / kWidth];

 public:
  Pieces(const Run* run, int64_t depth) {
    int32_t count = 0;
    int64_t used = 0;  //  of the run
    for (int64_t k = 0; k < round_up(depth, kStep); k += kWidth) {
      first_[k / kWidth] = count;
      int64_t lane = 0;
      const int64_t lanes = larger(smaller(kWidth, depth - k), 0);
      if (lanes == 0) pieces_[count++] = {0, 0, true};
      while (lane < lanes) {
        const int64_t part = smaller(lanes - lane, run->length - used);
        const auto mask = static_cast<__mmask16>(((1u << part) - 1) << lane);
        pieces_[count++] = {run->at + used - lane, mask, lane + part == lanes};
        lane += part, used += part;
        if (used == run->length) ++run, used = 0;
      }
    }
  }

  // The parts of one step of rows begin … end. `out` are the parts of rows from 0 on, of which 16 take `side` floats.
  ZT_INLINE_MEMBER void pack(const float* const* rows, int64_t begin, int64_t end, int64_t step, float* out,
                             int64_t side) const {
    out += step * kStepFloats;
    with_vector(2 * step, [&](const auto& low) {
      with_vector(2 * step + 1, [&](const auto& high) {
        for (auto r = static_cast<uint64_t>(begin); r < static_cast<uint64_t>(end); ++r)
          split(low(rows[r]), high(rows[r]), out + r / kSide * static_cast<uint64_t>(side) + r % kSide * kSide);
      });
    });
  }

 private:
  // Calls body(read), where read(row) is the row's vector. Most are one piece.
  template <typename Body>
  ZT_INLINE_MEMBER void with_vector(int64_t vector, const Body& body) const {
    const Piece *const pieces = pieces_ + first_[vector], first = *pieces;
    if (first.is_last)
      return body([first](const float* row) {
        return reinterpret_cast<VF>(_mm512_maskz_loadu_ps(first.lanes, row + first.at));
      });
    body([pieces](const float* row) {
      const Piece* piece = pieces;
      __m512 values = _mm512_maskz_loadu_ps(piece->lanes, row + piece->at);
      while (!piece->is_last) {
        ++piece;
        values = _mm512_mask_loadu_ps(values, piece->lanes, row + piece->at);
      }
      return reinterpret_cast<VF>(values);
    });
  }
};

template <typename Finish>
static void multiply_tall(const TallWeights& w, const float* packed, const float* bias, bool relu, const Run* runs,
                          const TallRows& rows, float* scratch, const Finish& finish) {
  // The sums of a call, and where they go. They go there during the next call.
  struct Sums {
    alignas(64) float values[kPair * kPair];
    int64_t row, count = 0, column;
  };
  const TileUnit unit;
  const int64_t together = tall_rows(w);
  for (int64_t k = 0; k < w.depth; k += w.block()) {
    const int64_t depth = w.depth_from(k), side = packed_floats(depth), steps = ceil_div(depth, kStep);
    const bool is_first = k == 0, is_last = k + depth == w.depth;
    const Pieces pieces(runs, depth);
    const auto put = [&](const Sums& sums, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < smaller(end, sums.count); ++r)
        for (int64_t v = 0; v < smaller(kPair, w.columns - sums.column); v += kWidth) {
          const int64_t column = sums.column + v, left = w.columns - column;
          float* const to = rows.c[sums.row + r] + column;
          const VF start = is_first ? load(bias + column) : load_first(to, left);
          const VF sum = load(sums.values + r * kPair + v) + start;
          store_first(to, relu && is_last ? max(zero(), sum) : sum, left);
        }
      const int64_t count = smaller(end, sums.count) - begin;
      if (is_last && count > 0) finish(sums.row + begin, count, sums.column, smaller(sums.column + kPair, w.columns));
    };
    float *a = scratch, *next = scratch + together / kSide * side;
    for (int64_t step = 0; step < steps; ++step) pieces.pack(rows.a, 0, smaller(together, rows.m), step, a, side);
    Sums both[2];
    int current = 0;
    for (int64_t row = 0; row < rows.m; row += together) {
      const int64_t pairs = ceil_div(smaller(together, rows.m - row), kPair);
      const int64_t coming = larger(smaller(together, rows.m - row - together), 0);
      const int64_t calls = (rows.end - rows.first) * pairs;
      for (int64_t call = 0; call < calls; ++call, current = 1 - current) {
        const int64_t panel = rows.first + call / pairs, first = call % pairs * kPair;
        const int64_t begin = coming * call / calls, until = coming * (call + 1) / calls;
        const float* const a_rows = a + first / kSide * side;
        const float* const b = packed + w.at(k, panel);
        const Sums& before = both[1 - current];
        Sums& sums = both[current];
        const Parted rows_put(kPair, kShares * steps);
        multiply(a_rows, a_rows + side, b, b + side, steps, sums.values, kPair, [&](int64_t share) ZT_NOINLINE_LAMBDA {
          const int64_t of_step = share % kShares, count = until - begin;
          put(before, rows_put.until(share), rows_put.until(share + 1));
          pieces.pack(rows.a + row + together, begin + count * of_step / kShares,
                      begin + count * (of_step + 1) / kShares, share / kShares, next, side);
        });
        sums.row = row + first, sums.count = smaller(kPair, rows.m - sums.row), sums.column = panel * kPanel;
      }
      float* const done = a;
      a = next, next = done;
    }
    put(both[1 - current], 0, kPair);
    for (int64_t done = 0; done < depth; ++runs) done += runs->length;
  }
}

}  // namespace amx

// Floats that a thread needs beside a tall product.
ZT_INLINE int64_t tall_scratch(const TallWeights& w) {
  return w.on_tiles ? 2 * amx::tall_rows(w) / amx::kSide * amx::packed_floats(w.block()) : 0;
}

#else

ZT_INLINE int64_t tall_scratch(const TallWeights&) { return 0; }

#endif

}  // namespace zt::ZT_ISA
