// The recurrent layers' long products on the tile unit (amx.h).
//
// The thread that multiplies the parts of floats makes them too, in its own cache. The parts of a value take 6 bytes
// and the value itself 4, so reading finished parts from memory would be slower. The tile unit bounds both products
// (6·16 cycles for 16x16 sums, 32 deep). With few rows, reading the weights bounds them.
#include "amx.h"

#include <omp.h>

#include "../simd/amx.h"

#if defined(__AMX_BF16__)

namespace zt::ZT_ISA::amx {

constexpr int64_t kDepth = 512;    //  of a block of a product; vectors add the blocks' sums
constexpr int64_t kColumns = 128;  //  of a block of b

int64_t project_workspace(const Sizes& z) {
  return (round_up(smaller(z.rows, chunk_rows(z)), kPair) + 2 * kPair) / kSide *
         packed_floats(smaller(z.features, kDepth));
}

int64_t packed_w_ih(const Sizes& z) { return round_up(z.gates, kPair) / kSide * packed_floats(z.features); }

// Where the parts of 32 gates from `gate` on begin, of the block of features from `k` on.
static int64_t parts_at(const Sizes& z, int64_t k, int64_t gate) {
  return k / kStep * kStepFloats * (round_up(z.gates, kPair) / kSide) +
         gate / kSide * packed_floats(smaller(kDepth, z.features - k));
}

void pack_w_ih(const WeightRows& rows, float* parts, float* own) {
  const Sizes& z = rows.z;
#pragma omp for schedule(static)
  for (int64_t gate = 0; gate < round_up(z.gates, kPair); gate += kSide) {
    rows.read(gate, kSide, own);
    for (int64_t k = 0; k < z.features; k += kDepth)
      pack_rows([&](int r) { return own + r * z.features + k; }, smaller(kDepth, z.features - k),
                parts + parts_at(z, k, gate));
  }
}

// A thread takes neighbouring gates and all rows of x. It makes the parts of x itself, so that they lie in its L2. W_ih
// is larger: unless its parts are given, the parts of 32 rows are made while the tile unit computes the products
// before.
void project(const Chunk& chunk, float* sums, float* workspace) {
  const Sizes& z = chunk.z;
  const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num(), pairs = ceil_div(z.gates, kPair);
  const int64_t first = z.directions * pairs * thread / threads, end = z.directions * pairs * (thread + 1) / threads;
  if (first >= end) return;
  const TileUnit unit;
  const int64_t padded = round_up(chunk.count, kPair), packed = packed_floats(smaller(z.features, kDepth));
  float* const b = workspace;
  float* a = b + padded / kSide * packed;
  float* next_a = a + 2 * packed;
  const bool has_parts = chunk.weights[0].packed != nullptr;
  const auto weight_row = [&](int64_t pair, int64_t r) {
    const int64_t gate = smaller(pair % pairs * kPair + r, z.gates - 1);
    return chunk.weights[pair / pairs].w_ih + z.weight_row(gate) * z.features;
  };
  for (int i = 0; i < 2 && !has_parts; ++i)
    pack_rows([&](int r) { return weight_row(first, i * kSide + r); }, smaller(z.features, kDepth), a + i * packed);
  for (int64_t k = 0; k < z.features; k += kDepth) {
    const int64_t depth = smaller(kDepth, z.features - k);
    for (int64_t row = 0; row < padded; row += kSide)
      pack_rows_transposed([&](int r) { return chunk.x + smaller(row + r, chunk.count - 1) * z.features + k; }, depth,
                           b + row / kSide * packed);
    for (int64_t pair = first; pair < end; ++pair) {
      const zt_recurrent_weights& weights = chunk.weights[pair / pairs];
      const int64_t gate = pair % pairs * kPair;
      const bool last = pair + 1 == end;
      const int64_t next_pair = last ? first : pair + 1, next_k = last ? k + kDepth : k;
      const int64_t next_depth = has_parts ? 0 : smaller(kDepth, z.features - next_k);
      const float* const rows = has_parts ? Packed(z, weights.packed).w_ih + parts_at(z, k, gate) : a;
      const float* const more_rows = rows + (has_parts ? packed_floats(depth) : packed);
      const float* next[kPair];
      for (int r = 0; r < kPair && next_depth > 0; ++r) next[r] = weight_row(next_pair, r) + next_k;
      for (int64_t row = 0; row < padded; row += kPair) {
        const int64_t begin = kPair * row / padded, until = kPair * (row + kPair) / padded;
        const auto pack_next = [&](int64_t step) {
          const int64_t left = next_depth - step * kStep;
          if (left <= 0) return;
          for (int64_t r = begin; r < until; ++r)
            split_first(next[r] + step * kStep, left,
                        next_a + r / kSide * packed + step * kStepFloats + r % kSide * kSide);
        };
        alignas(64) float c[kPair * kPair];
        const float* const columns = b + row / kSide * packed;
        multiply(rows, more_rows, columns, columns + packed, ceil_div(depth, kStep), c, kPair, pack_next);
        for (int64_t r = 0; r < smaller(kPair, z.gates - gate); ++r)
          for (int64_t v = 0; v < kPair; v += kWidth) {
            float* const at = sums + (pair * kPair + r) * padded + row + v;
            store(at, (k == 0 ? broadcast(bias_of(z, weights, gate + r)) : load(at)) + load(c + r * kPair + v));
          }
      }
      float* const done = a;
      a = next_a, next_a = done;
    }
  }
  for (int64_t pair = first; pair < end;) {
    const int64_t direction = pair / pairs, until = smaller(end, (direction + 1) * pairs);
    const int64_t gate = pair % pairs * kPair, gates_end = smaller((until - direction * pairs) * kPair, z.gates);
    transpose_floats(sums + pair * kPair * padded, padded, gates_end - gate, chunk.count, chunk.gates[direction] + gate,
                     z.gates);
    pair = until;
  }
}

int64_t multiply_parts(int64_t rows, int64_t depth) { return round_up(rows, kPair) / kSide * packed_floats(depth); }

int64_t multiply_workspace() { return kColumns / kSide * packed_floats(kDepth); }

// c = a · b. Parts of a are made once; each thread takes blocks of columns, whose parts it makes itself.
void multiply(const Product& p, float* parts, float* workspace) {
  const TileUnit unit;
  const int64_t padded = round_up(p.m, kPair);
  // [depth / kDepth][padded / kSide][steps]
  const auto parts_of = [&](int64_t row, int64_t k) {
    const int64_t depth = smaller(kDepth, p.depth - k);
    return parts + k / kStep * kStepFloats * (padded / kSide) + row / kSide * packed_floats(depth);
  };
#pragma omp for schedule(static) collapse(2)
  for (int64_t k = 0; k < p.depth; k += kDepth)
    for (int64_t row = 0; row < padded; row += kSide)
      pack_rows([&](int r) { return p.a(smaller(row + r, p.m - 1), k); }, smaller(kDepth, p.depth - k),
                parts_of(row, k));
  const int64_t share = round_up(ceil_div(p.columns, omp_get_num_threads()), kPair);
  const int64_t block = smaller(kColumns, share);
#pragma omp for schedule(dynamic)
  for (int64_t begin = 0; begin < p.columns; begin += block) {
    const int64_t end = smaller(begin + block, p.columns);
    for (int64_t k = 0; k < p.depth; k += kDepth) {
      const int64_t depth = smaller(kDepth, p.depth - k), packed = packed_floats(depth);
      pack_columns([&](int64_t i) { return p.b(k + i) + begin; }, depth, end - begin, end - begin, workspace);
      for (int64_t row = 0; row < p.m; row += kPair) {
        const float* const rows = parts_of(row, k);
        for (int64_t column = begin; column < end; column += kPair) {
          alignas(64) float c[kPair * kPair];
          const float* const columns = workspace + (column - begin) / kSide * packed;
          multiply(rows, rows + packed, columns, columns + packed, ceil_div(depth, kStep), c, kPair, [](int64_t) {});
          for (int64_t r = 0; r < smaller(kPair, p.m - row); ++r)
            for (int64_t v = 0; v < smaller(kPair, p.columns - column); v += kWidth) {
              float* const at = p.c(row + r) + column + v;
              const int64_t left = p.columns - column - v;
              VF sum = load(c + r * kPair + v);
              if (k > 0 || p.adds) sum += load_first(at, left);
              store_first(at, sum, left);
            }
        }
      }
    }
  }
}

}  // namespace zt::ZT_ISA::amx

#endif
