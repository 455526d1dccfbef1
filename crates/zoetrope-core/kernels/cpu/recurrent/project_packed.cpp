// The projection with weights that were packed before.
//
// The panels of W_ih are read in order, two at once with AVX-512. They stay in L1 while all rows of x pass, a tile's
// rows at once, and the next ones come into L2; each value of x is broadcast. So neither x nor the sums are transposed:
// the sums are rows of gates.
//
// Cost: 2·rows·features·gates FLOPs; 4·features·gates bytes of weights read, and x once for each panel, from L2.
#include <omp.h>

#include "../simd/transpose.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {
namespace {

// Some panels' share of one block of features: kPanels neighbours, from number `first` of a direction on.
struct PanelBlock {
  const Panels& p;
  int64_t first, k, depth;
  const float *panels, *coming;

  // Where the gates of a panel begin in a row.
  int64_t gate(int64_t number) const { return number % p.gates * p.hidden + number / p.gates * kPanel; }
  int64_t left(int64_t number) const { return p.hidden - number / p.gates * kPanel; }
};

// Adds the block to kCount rows of gates, of which `left` from the first on exist; `start` begins the sums of the first
// block.
template <int kPanels, int kCount>
void project_tile(const PanelBlock& b, const float* const* x, const float* start, float* gates, int64_t stride,
                  const float* coming) {
  const int64_t left = b.left(b.first), apart = b.gate(b.first + kPanels - 1) - b.gate(b.first);
  if (kPanels > 1 || left >= kPanel)
    return panel_tile<2, kCount, kPanels>(x, 0, b.depth, b.panels, start, gates, stride, apart, coming);
  float sums[kCount * kPanel] = {};
  panel_tile<2, kCount, 1>(x, 0, b.depth, b.panels, nullptr, sums, kPanel, apart, coming);
  for (int64_t r = 0; r < kCount; ++r)
    for (int64_t c = 0; c < left; ++c) {
      float& gate = gates[r * stride + c];
      gate = (start != nullptr ? start[c] : gate) + sums[r * kPanel + c];
    }
}

// Adds the block to all rows.
template <int kPanels>
void project_block(const Chunk& chunk, int64_t direction, const PanelBlock& b) {
  constexpr int kTileRows = kPanels == 1 ? kRows : kWideRows;
  const Sizes& z = chunk.z;
  const int64_t groups = ceil_div(chunk.count, kTileRows), lines = kPanels * kPanel / kLine;
  float biases[kPanels * kPanel];
  for (int64_t i = 0; i < kPanels * kPanel; ++i)
    biases[i] = bias_of(z, chunk.weights[direction], b.gate(b.first + i / kPanel) + i % kPanel);
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t begin = chunk.count * group / groups, until = chunk.count * (group + 1) / groups;
    const float* rows[kTileRows];
    for (int64_t r = begin; r < until; ++r) rows[r - begin] = chunk.x + r * z.features + b.k;
    with_rows<kTileRows>(until - begin, [&](auto constant) {
      project_tile<kPanels, decltype(constant)::count>(b, rows, b.k == 0 ? biases : nullptr,
                                                       chunk.gates[direction] + begin * z.gates + b.gate(b.first),
                                                       z.gates, b.coming + smaller(group, lines - 1) * b.depth * kLine);
    });
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
  const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num(), all = z.directions * p.count();
  const int64_t first = all * thread / threads, end = all * (thread + 1) / threads;
  const auto panel_at = [&](int64_t i, int64_t k) {
    return Packed(z, chunk.weights[i / p.count()].packed).w_ih + p.at(k, i % p.count());
  };
  for (int64_t k = 0; k < z.features; k += kDepth) {
    const int64_t next_k = k + kDepth < z.features ? k + kDepth : 0;
    for (int64_t i = first, next; i < end; i = next) {
      const int64_t number = i % p.count();
      PanelBlock block = {p, number, k, smaller(kDepth, z.features - k), panel_at(i, k), nullptr};
      const bool is_wide = kWide > 1 && i + 1 < end && number + 1 < p.count() &&
                           smaller(block.left(number), block.left(number + 1)) >= kPanel;
      next = i + (is_wide ? kWide : 1);
      block.coming = next < end ? panel_at(next, k) : panel_at(first, next_k);
      is_wide ? project_block<kWide>(chunk, i / p.count(), block) : project_block<1>(chunk, i / p.count(), block);
    }
  }
}

}  // namespace zt::ZT_ISA
