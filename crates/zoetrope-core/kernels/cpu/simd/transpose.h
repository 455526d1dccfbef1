// Transposes of matrices of floats. A block of vectors at a time is transposed in registers.
#pragma once

#include "simd.h"

namespace zt::ZT_ISA {

// `count` floats or some more: an odd number of cache lines. Rows of a power of two would share a few cache sets.
ZT_INLINE int64_t odd_lines(int64_t count) { return (ceil_div(count, 16) | 1) * 16; }

// interleave_low, interleave_high: of each four lanes a0 b0 a1 b1, and a2 b2 a3 b3. load_fours: side by side four
// floats of a row, and of the rows 4, 8 and 12 after it as far as the vector reaches. store_four: lanes 4 * kNumber on.
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
template <int kNumber>
ZT_INLINE void store_four(float* to, VF v) {
  _mm_storeu_ps(to, _mm512_maskz_extractf32x4_ps(0xf, reinterpret_cast<__m512>(v), kNumber));
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
template <int kNumber>
ZT_INLINE void store_four(float* to, VF v) {
  _mm_storeu_ps(to, _mm256_extractf128_ps(reinterpret_cast<__m256>(v), kNumber));
}
#else
ZT_INLINE VF interleave_low(VF a, VF b) { return VF{a[0], b[0], a[1], b[1]}; }
ZT_INLINE VF interleave_high(VF a, VF b) { return VF{a[2], b[2], a[3], b[3]}; }
ZT_INLINE VF load_fours(const float* rows, int64_t) { return load(rows); }
template <int kNumber>
ZT_INLINE void store_four(float* to, VF v) {
  store(to, v);
}
#endif

// Four vectors, one from each row: rows[r] lane 4n + c becomes rows[c] lane 4n + r.
ZT_INLINE void transpose_lanes(VF (&rows)[4]) {
  const VF even_low = interleave_low(rows[0], rows[2]), odd_low = interleave_low(rows[1], rows[3]);
  const VF even_high = interleave_high(rows[0], rows[2]), odd_high = interleave_high(rows[1], rows[3]);
  rows[0] = interleave_low(even_low, odd_low), rows[1] = interleave_high(even_low, odd_low);
  rows[2] = interleave_low(even_high, odd_high), rows[3] = interleave_high(even_high, odd_high);
}

// to[c][r] = from[r][c] for kWidth rows r and four columns c, strides in floats. In registers: a vector takes the four
// columns of a row from each group of four rows, so that what is left are 4 x 4 transposes within each four lanes.
ZT_INLINE void transpose_fours(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  VF rows[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) rows[r] = load_fours(from + r * from_stride, from_stride);
  transpose_lanes(rows);
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) store(to + c * to_stride, rows[c]);
}

// The same of kWidth columns.
ZT_INLINE void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
#pragma GCC unroll 4
  for (int c = 0; c < kWidth; c += 4) transpose_fours(from + c, from_stride, to + c * to_stride, to_stride);
}

// Computes to[c][r] = from[r][c] for any number of rows and columns. Whole blocks are transposed in registers, the rest
// float by float. A cache line of `from` is read at once, whatever the stride. A matrix larger than L1 is best given in
// parts.
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

// Stores the columns of four rows that transpose_lanes() left, `apart` floats apart: four floats of each.
template <int kNumber = 0>
ZT_INLINE void store_columns(const VF (&columns)[4], float* to, int64_t apart) {
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) store_four<kNumber>(to + (4 * kNumber + c) * apart, columns[c]);
  if constexpr (4 * (kNumber + 1) < kWidth) store_columns<kNumber + 1>(columns, to, apart);
}

// Computes to[c][r] = from[r][c] for kRows rows, at most four. Of fewer rows a column's store goes beyond its end: the
// next column overwrites that, and the last ones are stored float by float.
template <int kRows>
ZT_INLINE void interleave(const float* from, int64_t from_stride, int64_t columns, float* to) {
  int64_t c = 0;
  for (; c + kWidth < columns + (kRows == 4 ? 1 : 0); c += kWidth) {
    VF rows[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) rows[r] = r < kRows ? load(from + r * from_stride + c) : zero();
    transpose_lanes(rows);
    store_columns(rows, to + c * kRows, kRows);
  }
  for (; c < columns; ++c)
    for (int64_t r = 0; r < kRows; ++r) to[c * kRows + r] = from[r * from_stride + c];
}

// Channels [channels][pixels], `stride` floats apart, as pixels [pixels][channels].
ZT_INLINE void interleave_channels(const float* from, int64_t stride, int64_t channels, int64_t pixels, float* to) {
  if (channels == 3) return interleave<3>(from, stride, pixels, to);
  if (channels == 4) return interleave<4>(from, stride, pixels, to);
  transpose_floats(from, stride, channels, pixels, to, channels);
}

}  // namespace zt::ZT_ISA
