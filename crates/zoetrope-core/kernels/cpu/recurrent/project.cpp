// The projection with weights as they lie in memory.
//
// Cost: 2·rows·features·gates FLOPs; 4·features·gates bytes of weights read, for each chunk of rows.
#include "project.h"

#include <omp.h>

#include "../simd/transpose.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kGroups = 4;  //  groups of kRows weights per task

// A chunk of x into panels: [features / kDepth][rows / kPanel][kDepth][kPanel], zeros for rows that do not exist.
void pack_x(const Chunk& chunk, float* out) {
  const int64_t features = chunk.z.features, padded = round_up(chunk.count, kPanel);
#pragma omp for schedule(static)
  for (int64_t begin = 0; begin < features; begin += kDepth) {
    const int64_t depth = smaller(kDepth, features - begin);
    for (int64_t panel = 0; panel < padded; panel += kPanel) {
      float* const block = out + begin * padded + panel * depth;
      const int64_t rows = smaller(kPanel, chunk.count - panel);
      transpose_floats(chunk.x + panel * features + begin, features, rows, depth, block, kPanel);
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t r = rows; r < kPanel; ++r) block[k * kPanel + r] = 0;
    }
  }
}

// Adds one block of features to sums [gates][padded], for kRows weight rows. The sums of the first block begin with
// `biases`.
ZT_NOINLINE void project_tile(const float* const* weights, const float* x, int64_t depth, const float* biases,
                              float* sums, int64_t stride) {
  VF tile[kRows][2] = {};
  multiply_add(weights, x, depth, tile);
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < 2; ++v) {
      float* const at = sums + r * stride + v * kWidth;
      //  Block by block: a long sum would lose digits.
      store(at, (biases != nullptr ? broadcast(biases[r]) : load(at)) + tile[r][v]);
    }
}

}  // namespace

int64_t project_x(const Sizes& z) { return round_up(smaller(z.rows, chunk_rows(z)), kMaxPanel) * z.features; }

// Of a direction: tiles of vectors and of the tile unit end behind the last gate.
static int64_t sums_rows(const Sizes& z) { return round_up(z.gates, kMaxPanel) + kMaxRows; }

int64_t project_sums(const Sizes& z) {
  return z.directions * sums_rows(z) * round_up(smaller(z.rows, chunk_rows(z)), kMaxPanel);
}

void project(const Chunk& chunk, float* packed_x, float* sums) {
  const Sizes& z = chunk.z;
  const int64_t padded = round_up(chunk.count, kPanel), tasks = ceil_div(z.gates, kRows * kGroups);
  pack_x(chunk, packed_x);
#pragma omp for schedule(dynamic)
  for (int64_t task = 0; task < z.directions * tasks; ++task) {
    const int64_t direction = task / tasks, first = task % tasks * kRows * kGroups;
    const int64_t end = smaller(first + kRows * kGroups, z.gates);
    const zt_recurrent_weights& w = chunk.weights[direction];
    float* const own = sums + direction * sums_rows(z) * padded;
    for (int64_t begin = 0; begin < z.features; begin += kDepth) {
      const int64_t depth = smaller(kDepth, z.features - begin);
      for (int64_t panel = 0; panel < padded; panel += kPanel) {
        const float* const x = packed_x + begin * padded + panel * depth;
        for (int64_t gate = first; gate < end; gate += kRows) {
          const float* weights[kRows];
          float biases[kRows];
          for (int r = 0; r < kRows; ++r) {
            weights[r] = w.w_ih + z.weight_row(smaller(gate + r, z.gates - 1)) * z.features + begin;
            biases[r] = bias_of(z, w, gate + r);
          }
          project_tile(weights, x, depth, begin == 0 ? biases : nullptr, own + gate * padded + panel, padded);
        }
      }
    }
    transpose_floats(own + first * padded, padded, end - first, chunk.count, chunk.gates[direction] + first, z.gates);
  }
}

}  // namespace zt::ZT_ISA
