// The LSTM's long products on the tile unit (simd/amx.h), where the machine has one. project() in lstm/forward.cpp and
// multiply() in lstm/backward.cpp compute the same products with vectors.
#pragma once

#include "../isa.h"
#include "packed.h"

namespace zt::ZT_ISA {

#if defined(__AMX_BF16__)

// Shorter products take vectors. The size of the batch must not matter: a clip's results may not depend on the clips
// beside it.
ZT_INLINE bool takes_tiles(const LstmSizes& z) { return zt_isa() == Isa::amx && z.features >= 64 && z.gates >= 48; }

namespace amx {

// Computes sums [gates][rows up to 32] = W_ih · xᵀ + b_ih + b_hh for `count` rows of x, and writes them to gates
// [rows][gates]. Each thread computes its share of the gates, in a workspace of its own. Either `w_ih` or `parts` may
// be null.
int64_t project_workspace(const LstmSizes& z, int64_t count);
void project(const LstmSizes& z, const float* x, const float* w_ih, const float* parts, const float* b_ih,
             const float* b_hh, int64_t count, float* sums, float* gates, float* workspace);

// W_ih in parts: [features / kDepth][gates / 32][2 times 16 gates]. All threads come here; `own`, for 16 rows, is the
// thread's.
int64_t packed_w_ih(const LstmSizes& z);
void pack_w_ih(const WeightRows& rows, float* parts, float* own);

// Computes one thread's share of c = a · b. Every thread calls this, and returns when all shares are done. The threads
// share `parts`, whose size multiply_parts() gives for a [rows][depth]. Each thread has a `workspace` of its own.
int64_t multiply_parts(int64_t rows, int64_t depth);
int64_t multiply_workspace();
void multiply(const Product& p, float* parts, float* workspace);

}  // namespace amx

#else  //  nothing below is called

ZT_INLINE bool takes_tiles(const LstmSizes&) { return false; }

namespace amx {
ZT_INLINE int64_t project_workspace(const LstmSizes&, int64_t) { return 0; }
ZT_INLINE void project(const LstmSizes&, const float*, const float*, const float*, const float*, const float*, int64_t,
                       float*, float*, float*) {}
ZT_INLINE int64_t packed_w_ih(const LstmSizes&) { return 0; }
ZT_INLINE void pack_w_ih(const WeightRows&, float*, float*) {}
ZT_INLINE int64_t multiply_parts(int64_t, int64_t) { return 0; }
ZT_INLINE int64_t multiply_workspace() { return 0; }
ZT_INLINE void multiply(const Product&, float*, float*) {}
}  // namespace amx

#endif

}  // namespace zt::ZT_ISA
