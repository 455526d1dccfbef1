// The projection of a layer's inputs, x · W_ihᵀ + b_ih + b_hh: one product for all steps and both directions. And the
// form in which inference keeps the weights.
#pragma once

#include "panels.h"

namespace zt::ZT_ISA {

constexpr int64_t kChunk = 256;  //  rows of x for which a block of x stays in L2

// The number of rows in a chunk: whole panels, and about as many rows in each chunk.
ZT_INLINE int64_t chunk_rows(const Sizes& z) { return round_up(ceil_div(z.rows, ceil_div(z.rows, kChunk)), kMaxPanel); }

// What the projection adds for a computed gate. A GRU adds b_hh of `new` later, where the reset gate multiplies it.
ZT_INLINE float bias_of(const Sizes& z, const zt_recurrent_weights& weights, int64_t gate) {
  const int64_t row = z.weight_row(smaller(gate, z.gates - 1));
  return z.is_gru && row >= 2 * z.hidden ? weights.b_ih[row] : weights.b_ih[row] + weights.b_hh[row];
}

// Whether each group of clips projects its own inputs, a few steps at once, just before these steps: they stay in its
// core's caches then. A larger W_ih is read once for all clips.
ZT_INLINE bool projects_by_span(const Sizes& z) { return z.recurs() && z.features * z.gates <= int64_t{1} << 20; }

// What is saved lies step by step then, so that the clips of a step lie side by side. A projection of all steps leaves
// its gates in the order of x.
ZT_INLINE bool keeps_by_step(const Sizes& z) { return projects_by_span(z); }

// Some neighbouring rows of x, and where their gates go: [rows][gates] of each direction.
struct Chunk {
  const Sizes& z;
  const float* x;
  int64_t count;
  const zt_recurrent_weights* weights;
  float* gates[2];
};

// Unpacked weights. The weights are by far the larger matrix (hidden 128, 64x64 pixels: 33 MB), so they are not copied:
// each is read once and broadcast. x is packed into panels, of project_x() floats, which the threads share like `sums`,
// of project_sums(). All threads come here, and return when all is done.
int64_t project_x(const Sizes& z);
int64_t project_sums(const Sizes& z);
void project(const Chunk& chunk, float* packed_x, float* sums);

// Reads weights of the computed gates row by row, for packing.
struct WeightRows {
  const Sizes& z;
  const float* weights;  //  [gates * hidden, width], of W_ih or W_hh
  int64_t width;
  int64_t pixels;  //  the order in which the features are read: recurrent.h

  // Copies `count` rows, from `gate` on. A gate that does not exist has the row of the last gate.
  void read(int64_t gate, int64_t count, float* rows) const;
};

ZT_INLINE Panels w_ih_panels(const Sizes& z) { return {z.hidden, z.gates / z.hidden, z.features}; }
ZT_INLINE Panels w_hh_panels(const Sizes& z) { return {z.hidden, z.recurrent_blocks(), z.hidden}; }

// All threads come here; `own`, for kPanel rows where there are several pixels, is the thread's.
void pack_panels(const Panels& p, const WeightRows& rows, float* out, float* own);

struct Packed {
  const float* w_ih;  //  w_ih_panels(), their parts, or as amx::pack_w_ih() leaves it
  const float* w_hh;  //  w_hh_panels(), or their parts

  // `packed` may be null: then both are.
  Packed(const Sizes& z, const float* packed)
      : w_ih(packed), w_hh(packed != nullptr ? packed + w_ih_size(z) : nullptr) {}
  // Parts for the tile unit are 1.5 times as large as the weights, so large layers, which memory bounds, would be
  // slower. A copy for vectors is faster at any size, but it takes memory.
  static bool pays(const Sizes& z);
  static int64_t w_ih_size(const Sizes& z);
  static int64_t w_hh_size(const Sizes& z);
};

// Packed weights: bit for bit what project() gives. All threads come here; they do not wait for each other.
void project_packed(const Chunk& chunk);

}  // namespace zt::ZT_ISA
