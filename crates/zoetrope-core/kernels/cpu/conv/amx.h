// conv/forward.cpp with its products on the tile unit (simd/amx.h), where the machine has one.
#pragma once

#include "../isa.h"
#include "../simd/simd.h"
#include "conv.h"

namespace zt::ZT_ISA {

#if defined(__AMX_BF16__)

// A tile is 32 channels deep. With fewer channels most of a tile would be empty.
ZT_INLINE bool takes_tiles(const zt_conv_shape& s) { return zt_isa() == Isa::amx && s.in_channels >= 24; }

namespace amx {
size_t conv_forward_workspace(const zt_conv_shape& s, int threads);
void conv_forward(const zt_conv_shape& s, const zt_conv_output& output, const float* x, const float* weight,
                  const float* bias, const float* packed, float* workspace, int threads);
size_t conv_packed(const zt_conv_shape& s);
void conv_pack(const zt_conv_shape& s, const float* weight, float* packed, float* workspace, int threads);
}  // namespace amx

#else  //  nothing below is called

ZT_INLINE bool takes_tiles(const zt_conv_shape&) { return false; }

namespace amx {
ZT_INLINE size_t conv_forward_workspace(const zt_conv_shape&, int) { return 0; }
ZT_INLINE void conv_forward(const zt_conv_shape&, const zt_conv_output&, const float*, const float*, const float*,
                            const float*, float*, int) {}
ZT_INLINE size_t conv_packed(const zt_conv_shape&) { return 0; }
ZT_INLINE void conv_pack(const zt_conv_shape&, const float*, float*, float*, int) {}
}  // namespace amx

#endif

}  // namespace zt::ZT_ISA
