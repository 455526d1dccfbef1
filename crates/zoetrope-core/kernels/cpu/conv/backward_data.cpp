// dx of the block conv 3x3 + bias + ReLU + max-pool 2x2, NHWC.
//
//   dx[row + kh - 1][col + kw - 1][ci] += dy[window][co] · weight[co][ci][kh][kw]
//
// where (row, col) is the window's argmax for co. At most one of a window's four pixels has a gradient. So a window and
// channel pair needs nine multiplications. The dense gradient needs 36, and Winograd F(2x2, 3x3) needs 16.
//
// The kernel works in two steps:
// 1. It sorts the gradients of some rows of windows by pixel. Each pixel of the convolution's output gets one list of
//    (weights, gradient).
// 2. It walks along a row of pixels, for kWidth input channels at a time. A 3x3 block of vectors of dx moves along in
//    registers. Each entry of a list adds nine products. Then the block's left column is finished and leaves.
//
// The weights of kChunk output channels stay in L1. Nine FMAs need ten loads, so the kernel reaches at most 90 % of the
// peak. The lists keep the loop short, so that the core can run ahead when it mispredicts the end of one.
//
// Cost per window: 18·ci·co FLOPs; memory: dy and argmax read once, dx written once.
#include <omp.h>

#include "../simd/simd.h"
#include "conv.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kChunk = kWidth == 16 ? 32 : 64;  //  output channels at a time: 9 to 18 KiB of weights
constexpr int64_t kWindows = 32;                    //  sorted at a time, at least a row

// Gradients of one position: for each where the nine weights of its output channel begin, in floats, and its value.
// Room for kChunk, and for what a whole vector stores behind the last.
constexpr int64_t kRoom = kChunk + kWidth;
struct List {
  float gradients[kRoom];
  int32_t weights[kRoom];
};
constexpr int64_t kListFloats = sizeof(List) / sizeof(float);

struct Sizes {
  int64_t rows, cols;                       //  of windows
  int64_t blocks;                           //  of kWidth input channels
  int64_t block_weights;                    //  floats
  int64_t group, chunks;                    //  rows of windows sorted at a time; chunks of output channels
  int64_t positions;                        //  of one row of windows and one chunk: [lower][2 cols], each a list
  int64_t line, lists, counts, per_thread;  //  floats

  explicit Sizes(const zt_conv_shape& s) {
    rows = s.height / 2, cols = s.width / 2;
    blocks = ceil_div(s.in_channels, kWidth), block_weights = s.out_channels * 9 * kWidth;
    group = smaller(rows, larger(1, kWindows / cols)), chunks = ceil_div(s.out_channels, kChunk);
    positions = 4 * cols;
    line = (2 * cols + 2) * kWidth;
    lists = round_up(group * chunks * positions * kListFloats, 16);
    counts = round_up(group * chunks * positions, 16);
    per_thread = round_up(blocks * 4 * line, 16) + lists + counts;
  }
  int64_t weights() const { return round_up(blocks * block_weights, 16); }
};

// [ci / kWidth][co][9][kWidth]
void pack_weights(const zt_conv_shape& s, const Sizes& z, const float* weight, int64_t o, float* packed) {
  for (int64_t i = 0; i < z.blocks * kWidth; ++i)
    for (int k = 0; k < 9; ++k)
      packed[i / kWidth * z.block_weights + (o * 9 + k) * kWidth + i % kWidth] =
          i < s.in_channels ? weight[(o * s.in_channels + i) * 9 + k] : 0;
}

// Sorts the gradients of one row of windows for output channels o … o + kChunk into lists by position.
void sort_gradients(const zt_conv_shape& s, const Sizes& z, int64_t row, int64_t o, const uint8_t* argmax,
                    const float* dy, List* lists, int32_t* counts) {
  const int64_t count = smaller(kChunk, s.out_channels - o);
  int32_t lanes[kWidth];
  for (int i = 0; i < kWidth; ++i) lanes[i] = i * 9 * kWidth;
  for (int64_t col = 0; col < z.cols; ++col) {
    const int64_t at = (row * z.cols + col) * s.out_channels + o;
    List* const to[4] = {lists + 2 * col, lists + 2 * col + 1, lists + 2 * z.cols + 2 * col,
                         lists + 2 * z.cols + 2 * col + 1};
    int64_t ends[4] = {};
    for (int64_t c = 0; c < count; c += kWidth) {
      const VI weights = load(lanes) + broadcast(static_cast<int32_t>((o + c) * 9 * kWidth));
      const VF gradient = load_first(dy + at + c, count - c);
      const VI position = load_first_bytes(argmax + at + c, count - c, 4);
      for (int p = 0; p < 4; ++p)
        ends[p] += store_chosen(position == broadcast(p), gradient, weights, to[p]->gradients + ends[p],
                                to[p]->weights + ends[p]);
    }
    for (int p = 0; p < 4; ++p) counts[p / 2 * 2 * z.cols + 2 * col + p % 2] = static_cast<int32_t>(ends[p]);
  }
}

ZT_INLINE void add(float* p, VF v) { store(p, load(p) + v); }

// Adds what one row of the convolution's output, the upper (0) or lower (1) of a row of windows, gives to three lines
// of dx, each [2 cols + 2][kWidth] from column -1 on.
ZT_INLINE void scatter_row(const Sizes& z, const List* lists, const int32_t* counts, const float* weights, float* above,
                           float* here, float* below) {
  VF sum[9];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) sum[k] = zero();
  for (int64_t col = 0; col < 2 * z.cols; ++col, ++lists) {
    for (int64_t i = 0; i < counts[col]; ++i) {
      const VF gradient = broadcast(lists->gradients[i]);
      const float* w = weights + lists->weights[i];
#pragma GCC unroll 9
      for (int k = 0; k < 9; ++k) sum[k] = fma(gradient, load(w + k * kWidth), sum[k]);
    }
    add(above + col * kWidth, sum[0]);
    add(here + col * kWidth, sum[3]);
    add(below + col * kWidth, sum[6]);
#pragma GCC unroll 3
    for (int k = 0; k < 9; k += 3) sum[k] = sum[k + 1], sum[k + 1] = sum[k + 2], sum[k + 2] = zero();
  }
  float* const lines[3] = {above, here, below};
  for (int k = 0; k < 3; ++k) {
    add(lines[k] + 2 * z.cols * kWidth, sum[3 * k]);
    add(lines[k] + (2 * z.cols + 1) * kWidth, sum[3 * k + 1]);
  }
}

// Writes a finished line to dx, where the frame has such a row, and clears it.
void finish(const zt_conv_shape& s, const Sizes& z, int64_t row, int64_t i, float* line, float* dx) {
  if (row >= 0 && row < s.height)
    for (int64_t col = 0; col < s.width; ++col)
      store_first(dx + (row * s.width + col) * s.in_channels + i, load(line + (col + 1) * kWidth), s.in_channels - i);
  for (int64_t c = 0; c < z.line; c += kWidth) store(line + c, zero());
}

}  // namespace

size_t conv_backward_data_workspace(const zt_conv_shape& s, int threads) {
  const Sizes z(s);
  return z.weights() + threads * z.per_thread;
}

void conv_backward_data(const zt_conv_shape& s, const float* weight, const uint8_t* argmax, const float* dy, float* dx,
                        float* workspace, int threads) {
  const Sizes z(s);
  float* const packed = workspace;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const lines = workspace + z.weights() + omp_get_thread_num() * z.per_thread;
    List* const lists = reinterpret_cast<List*>(lines + round_up(z.blocks * 4 * z.line, 16));
    int32_t* const counts = reinterpret_cast<int32_t*>(reinterpret_cast<float*>(lists) + z.lists);
    for (int64_t i = 0; i < z.blocks * 4 * z.line; ++i) lines[i] = 0;
#pragma omp for schedule(static)
    for (int64_t o = 0; o < s.out_channels; ++o) pack_weights(s, z, weight, o, packed);
    const int64_t parts = s.frames < 4 * threads ? z.blocks : 1;  //  of a frame, where frames are few
#pragma omp for schedule(dynamic)
    for (int64_t item = 0; item < s.frames * parts; ++item) {
      const int64_t frame = item / parts, first = item % parts, last = parts == 1 ? z.blocks : first + 1;
      float* const out = dx + frame * s.height * s.width * s.in_channels;
      for (int64_t top = 0; top < z.rows; top += z.group) {
        const int64_t bottom = smaller(z.rows, top + z.group);
        for (int64_t r = top; r < bottom; ++r)
          for (int64_t chunk = 0; chunk < z.chunks; ++chunk) {
            const int64_t at = ((r - top) * z.chunks + chunk) * z.positions;
            sort_gradients(s, z, frame * z.rows + r, chunk * kChunk, argmax, dy, lists + at, counts + at);
          }
        for (int64_t block = first; block < last; ++block)
          for (int64_t r = top; r < bottom; ++r) {
            float* line[4];  //  rows 2r - 1 … 2r + 2
            for (int k = 0; k < 4; ++k) line[k] = lines + (block * 4 + (2 * r + k) % 4) * z.line;
            for (int64_t chunk = 0; chunk < z.chunks; ++chunk) {
              const int64_t upper = ((r - top) * z.chunks + chunk) * z.positions, lower = upper + 2 * z.cols;
              const float* w = packed + block * z.block_weights;
              scatter_row(z, lists + upper, counts + upper, w, line[0], line[1], line[2]);
              scatter_row(z, lists + lower, counts + lower, w, line[1], line[2], line[3]);
            }
            finish(s, z, 2 * r - 1, block * kWidth, line[0], out);
            finish(s, z, 2 * r, block * kWidth, line[1], out);
            if (r + 1 < z.rows) continue;
            finish(s, z, 2 * r + 1, block * kWidth, line[2], out);
            finish(s, z, 2 * r + 2, block * kWidth, line[3], out);
          }
      }
    }
  }
}

}  // namespace zt::ZT_ISA
