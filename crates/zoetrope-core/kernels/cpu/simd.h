// One vector type for every instruction set: GCC's vector extensions, as wide as the compile flags allow.
//
// A kernel source is compiled once per instruction set (see isa.h), each time with another ZT_ISA, and lives in the
// namespace zt::ZT_ISA. Everything here does too, and nothing else may be called from a kernel: an inline function
// or template shared between those objects (std::min, std::vector) would be merged by the linker into one copy,
// possibly the one with instructions that this machine lacks.
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

// The larger; where either is NaN: b.
ZT_INLINE VF max(VF a, VF b) { return a > b ? a : b; }
ZT_INLINE VF min(VF a, VF b) { return a < b ? a : b; }

ZT_INLINE VI is_nan(VF v) { return v != v; }
ZT_INLINE VI either_is_nan(VF a, VF b) {
#if defined(__AVX512F__)
  const __mmask16 nan = _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_UNORD_Q);
  return reinterpret_cast<VI>(_mm512_movm_epi32(nan));
#elif defined(__AVX2__)
  return reinterpret_cast<VI>(_mm256_cmp_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), _CMP_UNORD_Q));
#else
  return is_nan(a) | is_nan(b);
#endif
}
ZT_INLINE VI as_int(VF v) { return reinterpret_cast<VI>(v); }
ZT_INLINE VF as_float(VI v) { return reinterpret_cast<VF>(v); }
ZT_INLINE VI to_int(VF v) { return __builtin_convertvector(v, VI); }  //  towards zero
ZT_INLINE VF to_float(VI v) { return __builtin_convertvector(v, VF); }

// The first n floats at p, zeros after them.
ZT_INLINE VF load_first(const float* p, int64_t n) {
  if (n >= kWidth) return load(p);
  float lanes[kWidth] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}

ZT_INLINE void store_first(float* p, VF v, int64_t n) {
  if (n >= kWidth) return store(p, v);
  float lanes[kWidth];
  store(lanes, v);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
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

// Stores the lanes of `a` and `b` whose mask is set side by side at p, in order; what lies behind them, up to a whole
// vector each, is overwritten with anything. Returns how many there are.
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

// interleave_low, interleave_high: of each four lanes a0 b0 a1 b1, and a2 b2 a3 b3. load_fours: side by side four
// floats of a row, and of the rows 4, 8 and 12 after it as far as the vector reaches.
#if defined(__AVX512F__)
ZT_INLINE VF interleave_low(VF a, VF b) {
  return reinterpret_cast<VF>(
      _mm512_maskz_unpacklo_ps(0xffff, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
ZT_INLINE VF interleave_high(VF a, VF b) {
  return reinterpret_cast<VF>(
      _mm512_maskz_unpackhi_ps(0xffff, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
ZT_INLINE VF load_fours(const float* rows, int64_t stride) {
  __m512 fours = _mm512_castps128_ps512(_mm_loadu_ps(rows));
  fours = _mm512_insertf32x4(fours, _mm_loadu_ps(rows + 4 * stride), 1);
  fours = _mm512_insertf32x4(fours, _mm_loadu_ps(rows + 8 * stride), 2);
  return reinterpret_cast<VF>(_mm512_insertf32x4(fours, _mm_loadu_ps(rows + 12 * stride), 3));
}
#elif defined(__AVX2__)
ZT_INLINE VF interleave_low(VF a, VF b) {
  return reinterpret_cast<VF>(_mm256_unpacklo_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
}
ZT_INLINE VF interleave_high(VF a, VF b) {
  return reinterpret_cast<VF>(_mm256_unpackhi_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
}
ZT_INLINE VF load_fours(const float* rows, int64_t stride) {
  const __m256 four = _mm256_castps128_ps256(_mm_loadu_ps(rows));
  return reinterpret_cast<VF>(_mm256_insertf128_ps(four, _mm_loadu_ps(rows + 4 * stride), 1));
}
#else
ZT_INLINE VF interleave_low(VF a, VF b) { return VF{a[0], b[0], a[1], b[1]}; }
ZT_INLINE VF interleave_high(VF a, VF b) { return VF{a[2], b[2], a[3], b[3]}; }
ZT_INLINE VF load_fours(const float* rows, int64_t) { return load(rows); }
#endif

// to[c][r] = from[r][c] for kWidth rows r and columns c, strides in floats. In registers: a vector takes four columns
// of a row from each group of four rows, so that what is left are 4 x 4 transposes within each four lanes.
ZT_INLINE void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
#pragma GCC unroll 4
  for (int c = 0; c < kWidth; c += 4) {
    const VF row0 = load_fours(from + c, from_stride), row1 = load_fours(from + from_stride + c, from_stride);
    const VF row2 = load_fours(from + 2 * from_stride + c, from_stride);
    const VF row3 = load_fours(from + 3 * from_stride + c, from_stride);
    const VF even_low = interleave_low(row0, row2), odd_low = interleave_low(row1, row3);
    const VF even_high = interleave_high(row0, row2), odd_high = interleave_high(row1, row3);
    float* const at = to + c * to_stride;
    store(at, interleave_low(even_low, odd_low));
    store(at + to_stride, interleave_high(even_low, odd_low));
    store(at + 2 * to_stride, interleave_low(even_high, odd_high));
    store(at + 3 * to_stride, interleave_high(even_high, odd_high));
  }
}

// to[c][r] = from[r][c] for any number of rows and columns: whole blocks in registers, the rest float by float. A cache
// line of `from` is read at once, whatever its stride; a matrix that exceeds L1 is best given in parts.
ZT_INLINE void transpose_floats(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
                                int64_t to_stride) {
  constexpr int kLine = 16;
  const int64_t whole_rows = rows / kWidth * kWidth, whole_columns = columns / kWidth * kWidth;
  for (int64_t line = 0; line < whole_columns; line += kLine)
    for (int64_t r = 0; r < whole_rows; r += kWidth)
      for (int64_t c = line; c < line + kLine && c < whole_columns; c += kWidth)
        transpose_block(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c)
      to[c * to_stride + r] = from[r * from_stride + c];
}

ZT_INLINE float sum(VF v) {
  float total = 0;
  for (int i = 0; i < kWidth; ++i) total += v[i];
  return total;
}

ZT_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
ZT_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
ZT_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
ZT_INLINE int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

}  // namespace zt::ZT_ISA
