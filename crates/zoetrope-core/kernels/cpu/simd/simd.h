// One vector type for every instruction set: GCC's vector extensions, as wide as the compile flags allow.
//
// A kernel source is compiled once per instruction set (see isa.h), each time with another ZT_ISA. It lives in the
// namespace zt::ZT_ISA, and so does everything here. A kernel may call nothing else. The linker would merge an inline
// function or template that several of these objects use (std::min, std::vector) into one copy, and that copy may have
// instructions that this machine lacks.
//
//   VF       vector of kWidth floats          VI    vector of kWidth int32 (also the type of comparison results)
//   kWidth   16 with AVX-512, 8 with AVX2, else 4
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef ZT_ISA
#error "compile kernels with -DZT_ISA=baseline, avx2 or avx512"
#endif

#define ZT_INLINE static inline __attribute__((always_inline))
#define ZT_INLINE_MEMBER inline __attribute__((always_inline))

namespace zt::ZT_ISA {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
constexpr int kRegisters = 16;
#else
constexpr int kWidth = 4;
constexpr int kRegisters = 16;
#endif

typedef float VF __attribute__((vector_size(4 * kWidth)));
typedef int32_t VI __attribute__((vector_size(4 * kWidth)));
typedef float UnalignedVF __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));
typedef int32_t UnalignedVI __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));

ZT_INLINE VF load(const float* p) { return *reinterpret_cast<const UnalignedVF*>(p); }
ZT_INLINE VI load(const int32_t* p) { return *reinterpret_cast<const UnalignedVI*>(p); }
ZT_INLINE void store(float* p, VF v) { *reinterpret_cast<UnalignedVF*>(p) = v; }
ZT_INLINE void store(int32_t* p, VI v) { *reinterpret_cast<UnalignedVI*>(p) = v; }

ZT_INLINE VF zero() { return VF{}; }
ZT_INLINE VF broadcast(float value) { return value - VF{}; }  // x - 0 is x, also of -0: folds to one instruction
ZT_INLINE VI broadcast(int32_t value) { return VI{} + value; }

// a * b + c, one rounding where the machine has it (-ffp-contract=fast).
ZT_INLINE VF fma(VF a, VF b, VF c) { return a * b + c; }

ZT_INLINE VF select(VI mask, VF yes, VF no) { return mask ? yes : no; }
ZT_INLINE VI select(VI mask, VI yes, VI no) { return mask ? yes : no; }

// The larger and the smaller; where either is NaN, or both are zeros: b. One instruction on x86, which GCC does not
// find by itself.
#if defined(__AVX512F__)
ZT_INLINE VF max(VF a, VF b) { return VF(_mm512_maskz_max_ps(0xffff, __m512(a), __m512(b))); }
ZT_INLINE VF min(VF a, VF b) { return VF(_mm512_maskz_min_ps(0xffff, __m512(a), __m512(b))); }
#elif defined(__AVX2__)
ZT_INLINE VF max(VF a, VF b) { return VF(_mm256_max_ps(__m256(a), __m256(b))); }
ZT_INLINE VF min(VF a, VF b) { return VF(_mm256_min_ps(__m256(a), __m256(b))); }
#elif defined(__SSE2__)
ZT_INLINE VF max(VF a, VF b) { return VF(_mm_max_ps(__m128(a), __m128(b))); }
ZT_INLINE VF min(VF a, VF b) { return VF(_mm_min_ps(__m128(a), __m128(b))); }
#else
ZT_INLINE VF max(VF a, VF b) { return a > b ? a : b; }
ZT_INLINE VF min(VF a, VF b) { return a < b ? a : b; }
#endif

ZT_INLINE VI is_nan(VF v) { return v != v; }
ZT_INLINE VI as_int(VF v) { return reinterpret_cast<VI>(v); }
ZT_INLINE VF as_float(VI v) { return reinterpret_cast<VF>(v); }
ZT_INLINE VI to_int(VF v) { return __builtin_convertvector(v, VI); }  //  towards zero
ZT_INLINE VF to_float(VI v) { return __builtin_convertvector(v, VF); }

#if defined(__AVX512F__)
ZT_INLINE __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
#elif defined(__AVX2__)
ZT_INLINE __m256i first_lanes(int64_t n) {
  alignas(64) static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes + 8 - n));
}
#endif

// The first n floats at p, zeros after them.
ZT_INLINE VF load_first(const float* p, int64_t n) {
  if (n >= kWidth) return load(p);
#if defined(__AVX512F__)
  return reinterpret_cast<VF>(_mm512_maskz_loadu_ps(first_lanes(n), p));
#elif defined(__AVX2__)
  return reinterpret_cast<VF>(_mm256_maskload_ps(p, first_lanes(n)));
#else
  float lanes[kWidth] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
#endif
}

ZT_INLINE void store_first(float* p, VF v, int64_t n) {
  if (n >= kWidth) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, first_lanes(n), reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, first_lanes(n), reinterpret_cast<__m256>(v));
#else
  float lanes[kWidth];
  store(lanes, v);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
#endif
}

ZT_INLINE void copy_floats(const float* from, int64_t count, float* to) {
  if (count < kWidth) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
    return;
  }
  for (int64_t i = 0; i + kWidth <= count; i += kWidth) store(to + i, load(from + i));
  store(to + count - kWidth, load(from + count - kWidth));
}

ZT_INLINE void zero_floats(int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = 0;
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// For each set of lanes, given as bits: their numbers in order.
struct ChosenLanes {
  uint8_t lanes[256][8];

  constexpr ChosenLanes() : lanes() {
    for (int bits = 0; bits < 256; ++bits)
      for (int lane = 0, count = 0; lane < 8; ++lane)
        if (bits >> lane & 1) lanes[bits][count++] = static_cast<uint8_t>(lane);
  }
};
constexpr ChosenLanes kChosenLanes;
#endif

// Lanes 0…255 as bytes.
ZT_INLINE void store_bytes(uint8_t* p, VI v) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(v));
  memcpy(p, &bytes, 16);
#elif defined(__AVX2__)
  const __m256i whole = reinterpret_cast<__m256i>(v);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  const __m128i bytes = _mm_packus_epi16(words, words);
  memcpy(p, &bytes, 8);
#else
  for (int i = 0; i < kWidth; ++i) p[i] = static_cast<uint8_t>(v[i]);
#endif
}

ZT_INLINE VI load_bytes(const uint8_t* p) {
#if defined(__AVX512F__)
  __m128i bytes;
  memcpy(&bytes, p, 16);
  return reinterpret_cast<VI>(_mm512_maskz_cvtepu8_epi32(0xffff, bytes));
#elif defined(__AVX2__)
  __m128i bytes = {};
  memcpy(&bytes, p, 8);
  return reinterpret_cast<VI>(_mm256_cvtepu8_epi32(bytes));
#else
  return VI{p[0], p[1], p[2], p[3]};
#endif
}

// The first n of the bytes at p, `rest` after them.
ZT_INLINE VI load_first_bytes(const uint8_t* p, int64_t n, int32_t rest) {
  if (n >= kWidth) return load_bytes(p);
  VI lanes = broadcast(rest);
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return lanes;
}

// Stores the lanes of `a` and `b` whose mask is set, side by side at p, in order. The floats behind them, up to a whole
// vector for each, are overwritten with any values. Returns the number of stored lanes.
ZT_INLINE int64_t store_chosen(VI mask, VF a, VI b, float* to_a, int32_t* to_b) {
#if defined(__AVX512F__)
  const __mmask16 bits = _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask));
  _mm512_storeu_ps(to_a, _mm512_maskz_compress_ps(bits, reinterpret_cast<__m512>(a)));
  _mm512_storeu_si512(to_b, _mm512_maskz_compress_epi32(bits, reinterpret_cast<__m512i>(b)));
  return __builtin_popcount(bits);
#elif defined(__AVX2__)
  const unsigned bits = static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256>(mask)));
  const __m256i order =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kChosenLanes.lanes[bits])));
  store(to_a, reinterpret_cast<VF>(_mm256_permutevar8x32_ps(reinterpret_cast<__m256>(a), order)));
  store(to_b, reinterpret_cast<VI>(_mm256_permutevar8x32_epi32(reinterpret_cast<__m256i>(b), order)));
  return __builtin_popcount(bits);
#else
  int64_t count = 0;
  for (int i = 0; i < kWidth; ++i) {
    if (mask[i] == 0) continue;
    to_a[count] = a[i], to_b[count] = b[i];
    ++count;
  }
  return count;
#endif
}

// While an object of this type lives, the calling thread treats numbers below the smallest normal float (1.2e-38) as
// zero, both operands and results. Gradients become that small when they pass saturated gates, and one such number
// costs more than a hundred cycles on Intel's processors.
class FlushDenormals {
#if defined(__SSE2__)
  const unsigned before_ = _mm_getcsr();

 public:
  FlushDenormals() { _mm_setcsr(before_ | _MM_FLUSH_ZERO_ON | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned kDenormalsAreZero = 0x0040;  //  as in pmmintrin.h, which baseline flags do not have
#endif
};

ZT_INLINE float sum(VF v) {
  float total = 0;
  for (int i = 0; i < kWidth; ++i) total += v[i];
  return total;
}

ZT_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
ZT_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
ZT_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
ZT_INLINE int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
ZT_INLINE int64_t round_down(int64_t a, int64_t b) { return a / b * b; }

}  // namespace zt::ZT_ISA
