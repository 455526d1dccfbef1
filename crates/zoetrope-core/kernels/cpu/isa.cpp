// Run-time choice of the instruction set. Compiled once, for the portable baseline.
#include "isa.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <unistd.h>
#endif
#if defined(ZT_AMX) && defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

namespace {
// Whether the machine has the tile unit, bfloat16 included, and Linux lets this process have its registers.
bool has_amx() {
#if defined(ZT_AMX) && defined(__x86_64__) && defined(__linux__)
  constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24;
  constexpr int kAskPermission = 0x1023, kTileRegisters = 18;  //  of arch_prctl(2)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBfloat16) == 0 || (d & kTiles) == 0) return false;
  return syscall(SYS_arch_prctl, kAskPermission, kTileRegisters) == 0;
#else
  return false;
#endif
}

Isa best() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  if (avx2 && avx512) return has_amx() ? Isa::amx : Isa::avx512;
  if (avx2) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa chosen() {
  const Isa available = best();
  const char* wanted = std::getenv("ZOETROPE_CPU");
  if (wanted == nullptr) return available;
  if (std::strcmp(wanted, "baseline") == 0) return Isa::baseline;
  if (std::strcmp(wanted, "avx2") == 0 && available >= Isa::avx2) return Isa::avx2;
  if (std::strcmp(wanted, "avx512") == 0 && available >= Isa::avx512) return Isa::avx512;
  return available;
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> isa{chosen()};
  return isa;
}
}  // namespace

Isa zt_isa() { return current().load(std::memory_order_relaxed); }

bool zt_isa_set(Isa isa) {
  if (isa > best()) return false;
  current().store(isa, std::memory_order_relaxed);
  return true;
}

const char* zt_isa_name() {
  constexpr const char* names[] = {"baseline", "avx2", "avx512", "amx"};
  return names[static_cast<int>(zt_isa())];
}

int64_t zt_l2_bytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? bytes : 0;
#else
  return 0;
#endif
}
