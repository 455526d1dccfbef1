// The projection with weights that were packed before.
//
// The panels of W_ih are read in order. Each panel stays in L1 while all rows of x pass, kRows rows at once; each value
// of x is broadcast. So neither x nor the sums are transposed: the sums are rows of gates.
//
// Cost: 2·rows·features·gates FLOPs; 4·features·gates bytes of weights read, and x once for each panel, from L2.
#include <omp.h>

#include "../simd/transpose.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kFetch = 8, kAhead = 64;  //  features that are fetched at once, and so many before they are used

// Adds one block of features to rows of gates, of which `left` from the first on exist; `biases` begin the sums of the
// first block. The first to read a panel has it come from memory in time.
template <int kCount>
ZT_NOINLINE void project_tile(const float* const* x, const float* panel, int64_t depth, bool is_first,
                              const float* biases, float* gates, int64_t stride, int64_t left) {
  VF tile[kCount][2] = {};
  const int64_t step = is_first ? kFetch : depth;
  for (int64_t k = 0; k < depth; k += step) {
    for (int64_t line = 0; is_first && line < kFetch * kPanel; line += 16)
      __builtin_prefetch(panel + (k + kAhead) * kPanel + line);
    const float* at[kCount];
    for (int r = 0; r < kCount; ++r) at[r] = x[r] + k;
    multiply_add(at, panel + k * kPanel, smaller(step, depth - k), tile);
  }
  for (int r = 0; r < kCount; ++r)
    for (int v = 0; v < 2; ++v) {
      float* const at = gates + r * stride + v * kWidth;
      const int64_t exist = left - v * kWidth;
      if (exist <= 0) continue;
      store_first(at, (biases != nullptr ? load(biases + v * kWidth) : load_first(at, exist)) + tile[r][v], exist);
    }
}

}  // namespace

bool Packed::pays(const Sizes& z) {
  return z.features * z.gates <= (projects_on_tiles(z) ? int64_t{4} << 20 : int64_t{16} << 20);
}

int64_t Packed::w_ih_size(const Sizes& z) {
  if (inputs_on_tiles(z)) return amx::panel_parts(w_ih_panels(z));
  return projects_on_tiles(z) ? amx::packed_w_ih(z) : w_ih_panels(z).size();
}

int64_t Packed::w_hh_size(const Sizes& z) {
  if (!z.recurs()) return 0;
  return steps_on_tiles(z) ? amx::panel_parts(w_hh_panels(z)) : w_hh_panels(z).size();
}

void WeightRows::read(int64_t gate, int64_t count, float* rows) const {
  const int64_t channels = width / pixels;
  for (int64_t r = 0; r < count; ++r) {
    const float* const row = weights + z.weight_row(smaller(gate + r, z.gates - 1)) * width;
    transpose_floats(row, pixels, channels, pixels, rows + r * width, channels);
  }
}

void pack_panels(const Panels& p, const WeightRows& rows, float* out, float* own) {
#pragma omp for schedule(static)
  for (int64_t panel = 0; panel < p.count(); ++panel) {
    const int64_t unit = panel / p.gates * kPanel, gate = panel % p.gates * p.hidden + unit;
    const int64_t exist = smaller(kPanel, p.hidden - unit);
    const float* from = rows.weights + rows.z.weight_row(gate) * rows.width;
    if (rows.pixels > 1) rows.read(gate, exist, own), from = own;
    for (int64_t k = 0; k < p.depth; k += kDepth) {
      const int64_t depth = smaller(kDepth, p.depth - k);
      float* const block = out + p.at(k, panel);
      transpose_floats(from + k, p.depth, exist, depth, block, kPanel);
      for (int64_t i = 0; i < depth && exist < kPanel; ++i)
        for (int64_t u = exist; u < kPanel; ++u) block[i * kPanel + u] = 0;
    }
  }
}

void project_packed(const Chunk& chunk) {
  const Sizes& z = chunk.z;
  const Panels p = w_ih_panels(z);
  const int64_t groups = ceil_div(chunk.count, kRows);
  const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num(), all = z.directions * p.count();
  for (int64_t k = 0; k < z.features; k += kDepth) {
    const int64_t depth = smaller(kDepth, z.features - k);
    for (int64_t i = all * thread / threads; i < all * (thread + 1) / threads; ++i) {
      const int64_t direction = i / p.count(), number = i % p.count();
      const int64_t unit = number / p.gates * kPanel, gate = number % p.gates * z.hidden + unit;
      const zt_recurrent_weights& weights = chunk.weights[direction];
      const float* const panel = Packed(z, weights.packed).w_ih + p.at(k, number);
      float* const gates = chunk.gates[direction] + gate;
      float biases[kPanel];
      for (int64_t c = 0; c < kPanel; ++c) biases[c] = bias_of(z, weights, gate + c);
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t begin = chunk.count * group / groups, until = chunk.count * (group + 1) / groups;
        const float* rows[kRows];
        for (int64_t r = begin; r < until; ++r) rows[r - begin] = chunk.x + r * z.features + k;
        with_rows<kRows>(until - begin, [&](auto constant) {
          project_tile<decltype(constant)::count>(rows, panel, depth, group == 0, k == 0 ? biases : nullptr,
                                                  gates + begin * z.gates, z.gates, z.hidden - unit);
        });
      }
    }
  }
}

}  // namespace zt::ZT_ISA
