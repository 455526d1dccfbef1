// The instruction set that the kernels use. It is chosen once per process.
//
// On x86-64 a kernel source is compiled three times, into zt::baseline, zt::avx2 and zt::avx512. On other processors it
// is compiled once, into zt::baseline. The kernel's C entry point is compiled once, and calls the right one:
//
//   ZT_KERNEL(void, gru_forward, (const float* x, float* y))       declares it in each namespace
//   extern "C" void zt_gru_forward(const float* x, float* y) { ZT_CALL(gru_forward, (x, y)); }
#pragma once

#include <cstddef>
#include <cstdint>

// AMX, the tile unit, has no namespace of its own. When it is chosen, the kernels for AVX-512 use it for long products
// (simd/amx.h).
enum class Isa { baseline, avx2, avx512, amx };

// The instruction set that ZOETROPE_CPU=baseline|avx2|avx512|amx in the environment names. Without that variable, or
// when the machine lacks that set, it is the best that the machine has.
Isa zt_isa();

// For tests only: uses this instruction set from now on. Returns false, and changes nothing, when the machine lacks it.
bool zt_isa_set(Isa isa);

extern "C" const char* zt_isa_name();

// Bytes of a core's L2 as the system tells them, asked once; 0 where it does not.
int64_t zt_l2_bytes();

#if defined(__x86_64__)
#define ZT_KERNEL(result, name, parameters) \
  namespace zt::baseline {                  \
  result name parameters;                   \
  }                                         \
  namespace zt::avx2 {                      \
  result name parameters;                   \
  }                                         \
  namespace zt::avx512 {                    \
  result name parameters;                   \
  }
#define ZT_CALL(name, arguments)                        \
  (zt_isa() >= Isa::avx512 ? zt::avx512::name arguments \
   : zt_isa() == Isa::avx2 ? zt::avx2::name arguments   \
                           : zt::baseline::name arguments)
#else
#define ZT_KERNEL(result, name, parameters) \
  namespace zt::baseline {                  \
  result name parameters;                   \
  }
#define ZT_CALL(name, arguments) (zt::baseline::name arguments)
#endif
