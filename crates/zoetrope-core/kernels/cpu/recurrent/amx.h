// The recurrent layers' long products on the tile unit (simd/amx.h), where the machine has one. project() in
// recurrent/project.cpp and multiply() in simd/product.h compute the same products with vectors.
#pragma once

#include "../isa.h"
#include "../simd/product.h"
#include "project.h"

namespace zt::ZT_ISA {

#if defined(__AMX_BF16__)

// Shorter products take vectors. The size of the batch must not matter: a clip's results may not depend on the clips
// beside it.
ZT_INLINE bool takes_tiles(const Sizes& z) { return zt_isa() == Isa::amx && z.features >= 64 && z.gates >= 48; }

namespace amx {

constexpr int64_t kPartsDepth = 512;  //  of a sum on the tile unit; vectors add the sums of the blocks

// project() on the tile unit, with packed weights or others. Each thread computes its share of the gates into `sums`,
// of project_sums(), which the threads share; each has a workspace of its own. The threads do not wait for each other.
int64_t project_workspace(const Sizes& z);
void project(const Chunk& chunk, float* sums, float* workspace);

// W_ih in parts: [features / kPartsDepth][gates / 32][2 times 16 gates]. All threads come here; `own`, for 16 rows, is
// the thread's.
int64_t packed_w_ih(const Sizes& z);
void pack_w_ih(const WeightRows& rows, float* parts, float* own);

// The columns of a matrix whose transpose is a.
struct Columns {
  const float* rows;
  int64_t stride;
};

// Computes some shares of c = a · b, as multiply() in simd/product.h does. Every thread calls this. Where `columns` is
// given, these are a, and the product's a_rows are not used.
int64_t multiply_workspace();
void multiply(const Product& p, const Columns* columns, float* workspace);

}  // namespace amx

#else  //  nothing below is called

ZT_INLINE bool takes_tiles(const Sizes&) { return false; }

namespace amx {
struct Columns {
  const float* rows;
  int64_t stride;
};
ZT_INLINE int64_t project_workspace(const Sizes&) { return 0; }
ZT_INLINE void project(const Chunk&, float*, float*) {}
ZT_INLINE int64_t packed_w_ih(const Sizes&) { return 0; }
ZT_INLINE void pack_w_ih(const WeightRows&, float*, float*) {}
ZT_INLINE int64_t multiply_workspace() { return 0; }
ZT_INLINE void multiply(const Product&, const Columns*, float*) {}
}  // namespace amx

#endif

}  // namespace zt::ZT_ISA
