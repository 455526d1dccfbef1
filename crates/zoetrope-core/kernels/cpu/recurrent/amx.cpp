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

constexpr int64_t kColumns = 256;  //  of a block of b, at most

int64_t project_workspace(const Sizes& z) {
  return (round_up(smaller(z.rows, chunk_rows(z)), kPair) + 2 * kPair) / kSide *
         packed_floats(smaller(z.features, kPartsDepth));
}

int64_t packed_w_ih(const Sizes& z) { return round_up(z.gates, kPair) / kSide * packed_floats(z.features); }

// Where the parts of 32 gates from `gate` on begin, of the block of features from `k` on.
static int64_t parts_at(const Sizes& z, int64_t k, int64_t gate) {
  return k / kStep * kStepFloats * (round_up(z.gates, kPair) / kSide) +
         gate / kSide * packed_floats(smaller(kPartsDepth, z.features - k));
}

void pack_w_ih(const WeightRows& rows, float* parts, float* own) {
  const Sizes& z = rows.z;
#pragma omp for schedule(static)
  for (int64_t gate = 0; gate < round_up(z.gates, kPair); gate += kSide) {
    rows.read(gate, kSide, own);
    for (int64_t k = 0; k < z.features; k += kPartsDepth)
      pack_rows([&](int r) { return own + r * z.features + k; }, smaller(kPartsDepth, z.features - k),
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
  const int64_t padded = round_up(chunk.count, kPair), packed = packed_floats(smaller(z.features, kPartsDepth));
  float* const b = workspace;
  float* a = b + padded / kSide * packed;
  float* next_a = a + 2 * packed;
  const bool has_parts = chunk.weights[0].packed != nullptr;
  const auto weight_row = [&](int64_t pair, int64_t r) {
    const int64_t gate = smaller(pair % pairs * kPair + r, z.gates - 1);
    return chunk.weights[pair / pairs].w_ih + z.weight_row(gate) * z.features;
  };
  for (int i = 0; i < 2 && !has_parts; ++i)
    pack_rows([&](int r) { return weight_row(first, i * kSide + r); }, smaller(z.features, kPartsDepth),
              a + i * packed);
  for (int64_t k = 0; k < z.features; k += kPartsDepth) {
    const int64_t depth = smaller(kPartsDepth, z.features - k);
    for (int64_t row = 0; row < padded; row += kSide)
      pack_rows_transposed([&](int r) { return chunk.x + smaller(row + r, chunk.count - 1) * z.features + k; }, depth,
                           b + row / kSide * packed);
    for (int64_t pair = first; pair < end; ++pair) {
      const zt_recurrent_weights& weights = chunk.weights[pair / pairs];
      const int64_t gate = pair % pairs * kPair;
      const bool last = pair + 1 == end;
      const int64_t next_pair = last ? first : pair + 1, next_k = last ? k + kPartsDepth : k;
      const int64_t next_depth = has_parts ? 0 : smaller(kPartsDepth, z.features - next_k);
      const float* const rows = has_parts ? Packed(z, weights.packed).w_ih + parts_at(z, k, gate) : a;
      const float* const more_rows = rows + (has_parts ? packed_floats(depth) : packed);
      const float* next[kPair];
      for (int r = 0; r < kPair && next_depth > 0; ++r) next[r] = weight_row(next_pair, r) + next_k;
      for (int64_t row = 0; row < padded; row += kPair) {
        const int64_t begin = kPair * row / padded, until = kPair * (row + kPair) / padded;
        const auto pack_next = [&](int64_t share) ZT_NOINLINE_LAMBDA {
          const int64_t step = share / kShares, of_step = share % kShares, left = next_depth - step * kStep;
          if (left <= 0) return;
          for (int64_t r = begin + (until - begin) * of_step / kShares;
               r < begin + (until - begin) * (of_step + 1) / kShares; ++r)
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

namespace {

constexpr int64_t kKeptParts = 192 << 10;  //  floats of a's parts that stay in L2, beside those of b

// How the threads divide a product: its rows and, where these are few, its columns. They go by blocks of columns.
struct Blocks {
  int64_t columns, rows;  //  of a block
  int64_t across, down;   //  blocks

  Blocks(const Product& p, int64_t threads) {
    const int64_t pairs = ceil_div(p.columns, kPair), row_pairs = ceil_div(p.m, kPair);
    down = smaller(threads, larger(row_pairs / 2, 1));
    across = larger(ceil_div(pairs, kColumns / kPair), smaller(ceil_div(threads, down), pairs));
    columns = ceil_div(pairs, across) * kPair;
    rows = ceil_div(row_pairs, down) * kPair;
    across = ceil_div(p.columns, columns), down = ceil_div(p.m, rows);
  }
};

}  // namespace

int64_t multiply_workspace() { return kKeptParts + kColumns / kSide * packed_floats(kPartsDepth); }

// Each thread makes the parts that it multiplies: of a block of b, and of a's rows. It keeps those of a while it goes
// through the columns, where they are few enough for L2, and else makes them two tiles at a time.
void multiply(const Product& p, const Columns* of_a, float* workspace) {
  const TileUnit unit;
  const Blocks blocks(p, omp_get_num_threads());
  float* const b = workspace + kKeptParts;
  const int64_t kept_rows = round_up(smaller(blocks.rows, p.m), kPair);
  const bool keeps = kept_rows / kSide * packed_floats(p.depth) <= kKeptParts;
  int64_t kept = -1;  //  the rows whose parts there are
  const auto pack_a = [&](int64_t row, int64_t k, int64_t depth, float* out) {
    if (of_a != nullptr) {
      int64_t columns[kSide];
      for (int64_t i = 0; i < kSide; ++i) columns[i] = smaller(row + i, p.m - 1);
      return pack_columns_as_rows(of_a->rows + k * of_a->stride, of_a->stride, depth, columns, out);
    }
    pack_rows([&](int r) { return p.a(smaller(row + r, p.m - 1), k); }, depth, out);
  };
#pragma omp for schedule(static) nowait
  for (int64_t task = 0; task < blocks.across * blocks.down; ++task) {
    const int64_t first = task / blocks.across * blocks.rows, last = smaller(first + blocks.rows, p.m);
    const int64_t begin = task % blocks.across * blocks.columns, end = smaller(begin + blocks.columns, p.columns);
    if (keeps && kept != first) {
      for (int64_t row = first; row < first + kept_rows; row += kSide)
        pack_a(row, 0, p.depth, workspace + (row - first) / kSide * packed_floats(p.depth));
      kept = first;
    }
    for (int64_t k = 0; k < p.depth; k += kPartsDepth) {
      const int64_t depth = smaller(kPartsDepth, p.depth - k), packed = packed_floats(depth);
      pack_columns([&](int64_t i) { return p.b(k + i) + begin; }, depth, end - begin, round_up(end - begin, kPair), b);
      for (int64_t row = first; row < last; row += kPair) {
        const float* a = workspace;
        int64_t apart = packed;
        if (keeps) {
          apart = packed_floats(p.depth);
          a += (row - first) / kSide * apart + k / kStep * kStepFloats;
        } else {
          pack_a(row, k, depth, workspace), pack_a(row + kSide, k, depth, workspace + packed);
        }
        for (int64_t column = begin; column < end; column += kPair) {
          alignas(64) float c[kPair * kPair];
          const float* const columns = b + (column - begin) / kSide * packed;
          multiply(a, a + apart, columns, columns + packed, ceil_div(depth, kStep), c, kPair, [](int64_t) {});
          for (int64_t r = 0; r < smaller(kPair, last - row); ++r)
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
