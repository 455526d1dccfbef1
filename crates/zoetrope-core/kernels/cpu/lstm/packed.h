// A layer's weights in the form that the forward pass multiplies. Inference packs them once, because they stay the
// same.
#pragma once

#include "parts.h"

namespace zt::ZT_ISA {

struct LstmPacked {
  const float* w_ih;  //  as pack_w_ih() or amx::pack_w_ih() leaves it
  const float* w_hh;  //  as pack_w_hh() leaves it

  // `packed` may be null: then both are.
  LstmPacked(const LstmSizes& z, const float* packed)
      : w_ih(packed), w_hh(packed != nullptr ? packed + w_ih_size(z) : nullptr) {}
  // Parts for the tile unit are 1.5 times as large as the weights, so large layers, which memory bounds, would be
  // slower. A copy for vectors is faster at any size, but it takes memory.
  static bool pays(const LstmSizes& z);
  static int64_t w_ih_size(const LstmSizes& z);
  static int64_t w_hh_size(const LstmSizes& z) { return z.forgets() ? 4 * z.hidden * round_up(z.hidden, kWidth) : 0; }
};

// Reads W_ih of the computed gates row by row, for packing, with the features in the order of x (`pixels`: lstm.h).
struct WeightRows {
  const LstmSizes& z;
  const float* w_ih;
  int64_t pixels;

  // Reads `count` rows of `features`, from `gate` on. A gate that does not exist has the row of the last gate.
  void read(int64_t gate, int64_t count, float* rows) const;
};

// [features / kDepth][gates / kPanel][kDepth][kPanel]. All threads come here; `own`, for kPanel rows, is the thread's.
void pack_w_ih(const WeightRows& rows, float* out, float* own);

// gates [rows][gates] = x · W_ihᵀ + b_ih + b_hh, for `count` rows of x: bit for bit what project() in lstm/forward.cpp
// gives. All threads come here; they do not wait for each other.
void project_packed(const LstmSizes& z, const float* x, const float* w_ih, const float* b_ih, const float* b_hh,
                    int64_t count, float* gates);

}  // namespace zt::ZT_ISA
