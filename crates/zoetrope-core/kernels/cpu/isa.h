// Which instruction set the kernels use: chosen once per process.
//
// A kernel source is compiled three times, into zt::baseline, zt::avx2 and zt::avx512 (elsewhere than on x86-64: once,
// into zt::baseline). Its C entry point, compiled once, calls the right one:
//
//   ZT_KERNEL(void, gru_forward, (const float* x, float* y))       declares it in each namespace
//   extern "C" void zt_gru_forward(const float* x, float* y) { ZT_CALL(gru_forward, (x, y)); }
#pragma once

#include <cstddef>
#include <cstdint>

// AMX, the tile unit, has no namespace of its own: where it is chosen, the kernels for AVX-512 take it for long
// products (simd/amx.h).
enum class Isa { baseline, avx2, avx512, amx };

// The best that the machine has, or what the environment variable ZOETROPE_CPU=baseline|avx2|avx512|amx asks for. What
// the machine lacks cannot be asked for: then the best it has is taken.
Isa zt_isa();

// Tests only: takes another from now on; false, changing nothing, where the machine lacks it.
bool zt_isa_set(Isa isa);

extern "C" const char* zt_isa_name();

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
