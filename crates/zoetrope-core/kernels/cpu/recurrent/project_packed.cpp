// The projection with weights that were packed before.
//
// The panels of W_ih are read in order. Each panel stays in L1 while all rows of x pass, kRows rows at once, and the
// next one comes into L2; each value of x is broadcast. So neither x nor the sums are transposed: the sums are rows of
// gates.
//
// Cost: 2·rows·features·gates FLOPs; 4·features·gates bytes of weights read, and x once for each panel, from L2.
#include <omp.h>

#include "../simd/transpose.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {
namespace {

// Adds one block of features to rows of gates, of which `left` from the first on exist; `start` begins the sums of the
// first block.
template <int kCount>
void project_tile(const float* const* x, const float* panel, int64_t depth, const float* start, float* gates,
                  int64_t stride, int64_t left, const float* coming) {
  if (left >= kPanel) return panel_tile<2, kCount, 1>(x, 0, depth, panel, start, gates, stride, coming);
  float sums[kCount * kPanel] = {};
  panel_tile<2, kCount, 1>(x, 0, depth, panel, nullptr, sums, kPanel, coming);
  for (int64_t r = 0; r < kCount; ++r)
    for (int64_t c = 0; c < left; ++c) {
      float& gate = gates[r * stride + c];
      gate = (start != nullptr ? start[c] : gate) + sums[r * kPanel + c];
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
  const int64_t groups = ceil_div(chunk.count, kRows), lines = kPanel / kLine;
  const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num(), all = z.directions * p.count();
  const int64_t first = all * thread / threads, end = all * (thread + 1) / threads;
  const auto panel_at = [&](int64_t i, int64_t k) {
    return Packed(z, chunk.weights[i / p.count()].packed).w_ih + p.at(k, i % p.count());
  };
  for (int64_t k = 0; k < z.features; k += kDepth) {
    const int64_t depth = smaller(kDepth, z.features - k);
    const int64_t next_k = k + kDepth < z.features ? k + kDepth : 0;
    for (int64_t i = first; i < end; ++i) {
      const int64_t direction = i / p.count(), number = i % p.count();
      const int64_t unit = number / p.gates * kPanel, gate = number % p.gates * z.hidden + unit;
      const float* const panel = panel_at(i, k);
      const float* const coming = i + 1 < end ? panel_at(i + 1, k) : panel_at(first, next_k);
      float biases[kPanel];
      for (int64_t c = 0; c < kPanel; ++c) biases[c] = bias_of(z, chunk.weights[direction], gate + c);
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t begin = chunk.count * group / groups, until = chunk.count * (group + 1) / groups;
        const float* rows[kRows];
        for (int64_t r = begin; r < until; ++r) rows[r - begin] = chunk.x + r * z.features + k;
        with_rows<kRows>(until - begin, [&](auto constant) {
          project_tile<decltype(constant)::count>(rows, panel, depth, k == 0 ? biases : nullptr,
                                                  chunk.gates[direction] + begin * z.gates + gate, z.gates,
                                                  z.hidden - unit, coming + smaller(group, lines - 1) * depth * kLine);
        });
      }
    }
  }
}

}  // namespace zt::ZT_ISA
