// dweight and dbias of a convolution 3x3 from the gradient of its whole output, NHWC, by the transposed Winograd
// F(4x4, 3x3) of conv/forward.cpp:
//
//   V[36][tile][ci]  = Bᵀ d B        as in the forward pass
//   W[36][tile][co]  = A dy Aᵀ       dy: the tile's 4x4 gradients, zeros outside the frame
//   S[ci][36][co]    = Σ Vᵀ · W      over the tiles: 36 matrix products
//   dweight         += Gᵀ S G        36 values to 9
//   dbias           += Σ W           at the position whose W is the sum of the tile's gradients
//
// A task of the products is some input channels and one panel of output channels. Where there are many tiles, each
// thread has some of them, block by block, with sums of its own, which are added in the threads' order at the end: the
// threads never wait for each other. Where there are few (and often many channels), all threads fill V and W of one
// block and then share its tasks. If these are fewer than the threads, the block has several parts with sums of their
// own.
//
// Cost per frame, with T = ceil(H/4)·ceil(W/4) tiles: 72·T·ci·co FLOPs (direct: 288), transforms about 290·T·(ci + co);
// memory: x and dy read once. Gᵀ S G costs some percent more.
#include <omp.h>

#include "../simd/cutter.h"
#include "first_tiles.h"
#include "inputs.h"
#include "outputs.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kBlock = 64;                                  //  tiles of a part
constexpr int64_t kChunk = kRegisters == 32 ? 16 : 3 * kWidth;  //  input channels side by side: whole vectors and rows
constexpr int64_t kTotal = 7;                                   //  the position where W is the sum of the gradients

// A: four gradients to six.
ZT_INLINE void winograd_gradient(const VF* d, int stride, VF* out, int out_stride) {
  const VF d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride];
  const VF even = d0 + d2, odd = d1 + d3, far_even = d0 + 4.f * d2, far_odd = 2.f * d1 + 8.f * d3;
  out[0] = d0;
  out[out_stride] = even + odd;
  out[2 * out_stride] = even - odd;
  out[3 * out_stride] = far_even + far_odd;
  out[4 * out_stride] = far_even - far_odd;
  out[5 * out_stride] = d3;
}

// Gᵀ: six sums to three weights.
ZT_INLINE void winograd_weight_gradient(const VF* s, int stride, VF* out, int out_stride) {
  const VF s0 = s[0], s1 = s[stride], s2 = s[2 * stride], s3 = s[3 * stride], s4 = s[4 * stride], s5 = s[5 * stride];
  const VF near = (s1 + s2) / 6, far = (s3 + s4) / 24;
  out[0] = s0 / 4 - near + far;
  out[out_stride] = (s2 - s1) / 6 + (s3 - s4) / 12;
  out[2 * out_stride] = 4.f * far - near + s5;
}

// What the sizes of V and the shares of the threads are.
struct Sizes : Tiles {
  int64_t ci, co, panels, chunks;  //  padded to whole chunks, to whole panels
  int64_t rows_of;                 //  1, or the tiles of a row where a block has whole rows only
  bool is_shared;                  //  the threads share a block
  int64_t block, parts;            //  tiles of a part, and parts: of a block that is shared, else one for each thread
  int64_t of_v, of_w;              //  floats of a position. An odd number of lines: positions have their own cache sets
  int64_t task_rows, tasks;        //  input channels of a task; tasks of a part

  // V has room for so many channels.
  Sizes(const zt_conv_shape& s, int64_t channels, int64_t rows_of, int threads) : Tiles(s, false), rows_of(rows_of) {
    ci = round_up(s.in_channels, kChunk), co = round_up(s.out_channels, kPanel);
    panels = co / kPanel, chunks = ci / kChunk;
    is_shared = tiles < 4 * kBlock * threads;
    task_rows = 4 * kRows;
    while (is_shared && task_rows > kRows && panels * ceil_div(s.in_channels, task_rows) < 2 * threads) task_rows /= 2;
    tasks = panels * ceil_div(s.in_channels, task_rows);
    const int64_t most = is_shared ? 2 * kBlock : kBlock;  //  fewer meetings where the threads share
    block = larger(1, smaller(most, tiles) / rows_of) * rows_of;
    parts = is_shared ? smaller(ceil_div(threads, tasks), ceil_div(tiles, block)) : threads;
    of_v = round_up(channels * block, 32) + 16, of_w = round_up(co * block, 32) + 16;
  }
};

struct Workspace {
  float *V, *W, *sums, *bias, *zeros;  //  V, W, sums and bias of each part
  float *products, *lines;             //  of each thread
  int64_t size;

  Workspace(const Sizes& z, int64_t line, int threads, float* at) : Workspace(z, line, threads, Cutter(at)) {}

 private:
  Workspace(const Sizes& z, int64_t line, int threads, Cutter cut)
      : V(cut.take(z.parts * 36 * z.of_v)),
        W(cut.take(z.parts * 36 * z.of_w)),
        sums(cut.take(z.parts * 9 * z.ci * z.co)),
        bias(cut.take(z.parts * z.co)),
        zeros(cut.take(6 * z.ci)),
        products(cut.take(threads * z.task_rows * 36 * kPanel)),
        lines(cut.take(threads * 7 * line)),
        size(cut.size()) {}
};

// V [36][chunk][tile][kChunk] of NHWC frames.
struct AnyInputs {
  const zt_conv_shape& s;
  const Sizes& z;
  const float* x;

  static int64_t rows_of(const zt_conv_shape&) { return 1; }
  static int64_t channels(const zt_conv_shape& s) { return round_up(s.in_channels, kChunk); }
  static int64_t line(const zt_conv_shape&) { return 0; }

  // V of a tile, number t of a part.
  void fill(const Workspace& w, int64_t part, int64_t t, int64_t tile) const {
    float* const V = w.V + part * 36 * z.of_v + t * kChunk;
    const TileInputs inputs(s, z, x, w.zeros, tile);
    for (int64_t i = 0; i < s.in_channels; i += kWidth) {
      float* const to = V + i / kChunk * z.block * kChunk + i % kChunk;
      inputs.transform(i, [&](int position, VF v) { store(to + position * z.of_v, v); });
    }
  }

  template <int kCount>
  void multiply_rows(const float* V, int64_t row, const float* W, int64_t count, float* S) const {
    multiply<kCount>(V + row / kChunk * z.block * kChunk + row % kChunk, 1, kChunk, W, z.of_w, S, count);
  }
};

// V [36][ci][tile] of the model's input frames.
struct FirstInputs {
  static constexpr int64_t kChannels = 4;

  const zt_conv_shape& s;
  const Sizes& z;
  Frames frames;
  FirstTiles rows;

  static int64_t rows_of(const zt_conv_shape& s) { return Tiles(s, false).tile_cols; }
  static int64_t channels(const zt_conv_shape&) { return kChannels; }
  static int64_t line(const zt_conv_shape& s) { return FirstTiles(Tiles(s, false)).line; }

  // V of a row of tiles, the first of which is number t of a part.
  void fill(const Workspace& w, int64_t part, int64_t t, int64_t tile) const {
    rows.transform(s, frames, tile / z.tile_cols, w.lines + omp_get_thread_num() * 7 * rows.line,
                   w.V + part * 36 * z.of_v + t, z.block, z.of_v);
  }

  template <int kCount>
  void multiply_rows(const float* V, int64_t row, const float* W, int64_t count, float* S) const {
    multiply<kCount>(V + row * z.block, z.block, 1, W, z.of_w, S, count);
  }
};

// W [36][panel][tile][kPanel] of one tile.
void transform_gradients(const zt_conv_shape& s, const Sizes& z, const float* dy, int64_t tile, float* W) {
  const Place place = locate(z, tile);
  const float* const from = dy + place.pixel * s.out_channels;
  const bool is_whole = place.pixel_rows == 4 && place.pixel_cols == 4;
  for (int64_t o = 0; o < z.co; o += kWidth) {
    const int64_t left = s.out_channels - o;
    VF d[16], half[24];
    if (is_whole && left >= kWidth) {
#pragma GCC unroll 16
      for (int k = 0; k < 16; ++k) d[k] = load(from + (k / 4 * z.cols + k % 4) * s.out_channels + o);
    } else {
      for (int k = 0; k < 16; ++k) {
        const bool exists = k / 4 < place.pixel_rows && k % 4 < place.pixel_cols && left > 0;
        d[k] = exists ? load_first(from + (k / 4 * z.cols + k % 4) * s.out_channels + o, left) : zero();
      }
    }
#pragma GCC unroll 4
    for (int b = 0; b < 4; ++b) winograd_gradient(d + b, 4, half + b, 4);
    float* const to = W + o / kPanel * z.block * kPanel + o % kPanel;
#pragma GCC unroll 6
    for (int a = 0; a < 6; ++a) {
      VF whole[6];
      winograd_gradient(half + a * 4, 1, whole, 1);
      for (int b = 0; b < 6; ++b) store(to + (a * 6 + b) * z.of_w, whole[b]);
    }
  }
}

// sums [9][ci][co] += Gᵀ S G, of one input channel and a panel.
ZT_INLINE void add_weights(const float* S, float* sums, int64_t stride) {
  for (int v = 0; v < kPanel; v += kWidth) {
    VF half[18];
    for (int b = 0; b < 6; ++b) {
      VF column[6];
      for (int a = 0; a < 6; ++a) column[a] = load(S + (a * 6 + b) * kPanel + v);
      winograd_weight_gradient(column, 1, half + b, 6);
    }
    for (int a = 0; a < 3; ++a) {
      VF taps[3];
      winograd_weight_gradient(half + a * 6, 1, taps, 1);
      for (int b = 0; b < 3; ++b) {
        float* const to = sums + (a * 3 + b) * stride + v;
        store(to, load(to) + taps[b]);
      }
    }
  }
}

// One task of a part of `count` tiles.
template <typename Inputs>
void run_task(const zt_conv_shape& s, const Sizes& z, const Inputs& inputs, const Workspace& w, int64_t part,
              int64_t task, int64_t count, float* S) {
  const int64_t panel = task % z.panels, first = task / z.panels * z.task_rows;
  const int64_t end = smaller(first + z.task_rows, s.in_channels);
  const float* const V = w.V + part * 36 * z.of_v;
  const float* const W = w.W + part * 36 * z.of_w + panel * z.block * kPanel;
  for (int64_t position = 0; position < 36; ++position) {
    const float* const gradients = W + position * z.of_w;
    for (int64_t row = first; row < end; row += kRows) {
      float* const to = S + (row - first) * 36 * kPanel + position * kPanel;
      if (end - row > 4)
        inputs.template multiply_rows<kRows>(V + position * z.of_v, row, gradients, count, to);
      else
        inputs.template multiply_rows<4>(V + position * z.of_v, row, gradients, count, to);
    }
    if (position != kTotal || first != 0) continue;
    for (int v = 0; v < kPanel; v += kWidth) {
      float* const bias = w.bias + part * z.co + panel * kPanel + v;
      VF total = load(gradients + v);
      for (int64_t t = 1; t < count; ++t) total += load(gradients + t * kPanel + v);
      store(bias, load(bias) + total);
    }
  }
  float* const sums = w.sums + part * 9 * z.ci * z.co + panel * kPanel;
  for (int64_t row = first; row < end; ++row)
    add_weights(S + (row - first) * 36 * kPanel, sums + row * z.co, z.ci * z.co);
}

// dweight and dbias of a vector of output channels from the parts' sums.
void write_weights(const zt_conv_shape& s, const Sizes& z, const Workspace& w, int64_t o, float* dweight,
                   float* dbias) {
  const int64_t count = smaller(kWidth, s.out_channels - o);
  const auto total = [&](const float* first, int64_t stride) {
    VF sum = load(first);
    for (int64_t part = 1; part < z.parts; ++part) sum += load(first + part * stride);
    return sum;
  };
  for (int64_t i = 0; i < s.in_channels; ++i)
    for (int64_t k = 0; k < 9; ++k) {
      const VF taps = total(w.sums + (k * z.ci + i) * z.co + o, 9 * z.ci * z.co);
      for (int64_t lane = 0; lane < count; ++lane) dweight[((o + lane) * s.in_channels + i) * 9 + k] = taps[lane];
    }
  store_first(dbias + o, total(w.bias + o, z.co), count);
}

template <typename Inputs>
struct Problem {
  const zt_conv_shape& s;
  const Sizes& z;
  const Workspace& w;
  const Inputs inputs;
  const float* dy;

  // V and W of `rows_of` tiles from `tile` on, number t of a part.
  void fill(int64_t part, int64_t t, int64_t tile) const {
    inputs.fill(w, part, t, tile);
    for (int64_t k = 0; k < z.rows_of; ++k)
      transform_gradients(s, z, dy, tile + k, w.W + part * 36 * z.of_w + (t + k) * kPanel);
  }

  // All threads come here. Each has its tiles.
  void run_alone(float* S) const {
    const int64_t part = omp_get_thread_num(), team = omp_get_num_threads(), units = z.tiles / z.rows_of;
    const int64_t end = units * (part + 1) / team * z.rows_of;
    for (int64_t first = units * part / team * z.rows_of; first < end; first += z.block) {
      const int64_t count = smaller(z.block, end - first);
      for (int64_t t = 0; t < count; t += z.rows_of) fill(part, t, first + t);
      for (int64_t task = 0; task < z.tasks; ++task) run_task(s, z, inputs, w, part, task, count, S);
    }
  }

  // All threads come here. They share a block at a time.
  void run_together(float* S) const {
    const int64_t all = z.parts * z.block;
    for (int64_t first = 0; first < z.tiles; first += all) {
      const int64_t count = smaller(all, z.tiles - first);
#pragma omp for schedule(dynamic)
      for (int64_t k = 0; k < count; k += z.rows_of) fill(k / z.block, k % z.block, first + k);
#pragma omp for schedule(dynamic)
      for (int64_t task = 0; task < z.parts * z.tasks; ++task) {
        const int64_t part = task / z.tasks, tiles = smaller(z.block, count - part * z.block);
        if (tiles > 0) run_task(s, z, inputs, w, part, task % z.tasks, tiles, S);
      }
    }
  }
};

template <typename Inputs>
void weight_gradient(const Problem<Inputs>& problem, float* dweight, float* dbias, int threads) {
  const Sizes& z = problem.z;
  const Workspace& w = problem.w;
  for (int64_t i = 0; i < 6 * z.ci; ++i) w.zeros[i] = 0;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const S = w.products + omp_get_thread_num() * z.task_rows * 36 * kPanel;
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < z.parts * 9 * z.ci * z.co; ++i) w.sums[i] = 0;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < z.parts * z.co; ++i) w.bias[i] = 0;
    if (z.is_shared)
      problem.run_together(S);
    else
      problem.run_alone(S);
#pragma omp barrier
#pragma omp for schedule(static)
    for (int64_t o = 0; o < problem.s.out_channels; o += kWidth) write_weights(problem.s, z, w, o, dweight, dbias);
  }
}

template <typename Inputs>
Sizes sizes_of(const zt_conv_shape& s, int threads) {
  return Sizes(s, Inputs::channels(s), Inputs::rows_of(s), threads);
}

template <typename Inputs>
Workspace workspace_of(const zt_conv_shape& s, const Sizes& z, int threads, float* at) {
  return Workspace(z, Inputs::line(s), threads, at);
}

}  // namespace

size_t conv_weight_gradient_workspace(const zt_conv_shape& s, int threads) {
  return workspace_of<AnyInputs>(s, sizes_of<AnyInputs>(s, threads), threads, nullptr).size;
}

void conv_weight_gradient(const zt_conv_shape& s, const float* x, const float* dy, float* dweight, float* dbias,
                          float* workspace, int threads) {
  const Sizes z = sizes_of<AnyInputs>(s, threads);
  const Workspace w = workspace_of<AnyInputs>(s, z, threads, workspace);
  weight_gradient(Problem<AnyInputs>{s, z, w, {s, z, x}, dy}, dweight, dbias, threads);
}

size_t conv_first_weight_gradient_workspace(const zt_conv_shape& s, int threads) {
  return workspace_of<FirstInputs>(s, sizes_of<FirstInputs>(s, threads), threads, nullptr).size;
}

void conv_first_weight_gradient(const zt_conv_shape& s, const float* x, const uint8_t* pixels, const float* dy,
                                float* dweight, float* dbias, float* workspace, int threads) {
  const Sizes z = sizes_of<FirstInputs>(s, threads);
  const Workspace w = workspace_of<FirstInputs>(s, z, threads, workspace);
  weight_gradient(Problem<FirstInputs>{s, z, w, {s, z, {x, pixels}, FirstTiles(z)}, dy}, dweight, dbias, threads);
}

}  // namespace zt::ZT_ISA
