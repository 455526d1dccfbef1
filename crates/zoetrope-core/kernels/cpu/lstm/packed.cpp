// The product of a layer's inputs with weights that were packed before (packed.h).
//
// The panels of W_ih are read in order. Each panel stays in L1 while all rows of x pass, kRows rows at once; each value
// of x is broadcast. So neither x nor the sums are transposed: the sums are rows of gates.
//
// Cost: 2·rows·features·gates FLOPs; 4·features·gates bytes of weights read, and x once for each panel, from L2.
#include "packed.h"

#include <omp.h>

#include "../simd/transpose.h"
#include "amx.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kFetch = 8, kAhead = 64;  //  features that are fetched at once, and so many before they are used

// Where the block of features from `k` on begins for the panel of gates from `gate` on.
int64_t panel_at(const LstmSizes& z, int64_t k, int64_t gate) {
  return k * round_up(z.gates, kPanel) + gate * smaller(kDepth, z.features - k);
}

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

bool LstmPacked::pays(const LstmSizes& z) {
  return z.features * z.gates <= (takes_tiles(z) ? int64_t{4} << 20 : int64_t{16} << 20);
}

int64_t LstmPacked::w_ih_size(const LstmSizes& z) {
  return takes_tiles(z) ? amx::packed_w_ih(z) : z.features * round_up(z.gates, kPanel);
}

void WeightRows::read(int64_t gate, int64_t count, float* rows) const {
  const int64_t channels = z.features / pixels;
  for (int64_t r = 0; r < count; ++r) {
    const float* const row = w_ih + z.weight_row(smaller(gate + r, z.gates - 1)) * z.features;
    transpose_floats(row, pixels, channels, pixels, rows + r * z.features, channels);
  }
}

void pack_w_ih(const WeightRows& rows, float* out, float* own) {
  const LstmSizes& z = rows.z;
#pragma omp for schedule(static)
  for (int64_t gate = 0; gate < z.gates; gate += kPanel) {
    rows.read(gate, kPanel, own);
    for (int64_t k = 0; k < z.features; k += kDepth)
      transpose_floats(own + k, z.features, kPanel, smaller(kDepth, z.features - k), out + panel_at(z, k, gate),
                       kPanel);
  }
}

void project_packed(const LstmSizes& z, const float* x, const float* w_ih, const float* b_ih, const float* b_hh,
                    int64_t count, float* gates) {
  const int64_t groups = ceil_div(count, kRows), panels = ceil_div(z.gates, kPanel);
  const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
  const int64_t first = panels * thread / threads * kPanel, end = panels * (thread + 1) / threads * kPanel;
  for (int64_t k = 0; k < z.features; k += kDepth) {
    const int64_t depth = smaller(kDepth, z.features - k);
    for (int64_t gate = first; gate < end; gate += kPanel) {
      const float* const panel = w_ih + panel_at(z, k, gate);
      float biases[kPanel];
      for (int64_t i = 0; i < kPanel; ++i) {
        const int64_t row = z.weight_row(smaller(gate + i, z.gates - 1));
        biases[i] = b_ih[row] + b_hh[row];
      }
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t begin = count * group / groups, until = count * (group + 1) / groups;
        const float* rows[kRows];
        for (int64_t r = begin; r < until; ++r) rows[r - begin] = x + r * z.features + k;
        with_rows<kRows>(until - begin, [&](auto constant) {
          project_tile<decltype(constant)::count>(rows, panel, depth, group == 0, k == 0 ? biases : nullptr,
                                                  gates + begin * z.gates + gate, z.gates, z.gates - gate);
        });
      }
    }
  }
}

}  // namespace zt::ZT_ISA
