// The kernel of conv/forward.cpp, with its 36 products on the tile unit (simd/amx.h). A row of A is a tile of the
// frame, 32 channels deep. A column of B is an output channel.
//
//   U parts [36][co / 16][ci / 32][3 parts][pairs of ci][co]
//   V parts [36][2][ci / 32][3 parts][tile][pairs of ci]          of 32 tiles of frames, by one thread
//   M       [tile][36][32 of co]
//
// The tile unit multiplies one panel of 32 output channels while vectors finish the panel before. So M exists twice.
// Where there are few tiles, threads take different panels of the same ones.
//
// Cost: as conv/forward.cpp; the products take 6·16 cycles for 16 tiles x 16 output channels x 32 input channels.
#include "amx.h"

#include <omp.h>

#include "../simd/amx.h"
#include "inputs.h"
#include "outputs.h"

#if defined(__AMX_BF16__)

namespace zt::ZT_ISA::amx {
namespace {

static_assert(kPair == kPanel, "a panel of output channels is two tiles wide");

struct Sizes : Tiles {
  int64_t ci, co;  //  padded to whole tiles, to whole panels
  int64_t steps;

  explicit Sizes(const zt_conv_shape& s, bool is_pooled = true) : Tiles(s, is_pooled) {
    ci = round_up(s.in_channels, kStep), co = round_up(s.out_channels, kPanel), steps = ci / kStep;
  }
  int64_t u_parts() const { return 36 * (co / kSide) * packed_floats(ci); }
  int64_t v_parts() const { return 36 * 2 * packed_floats(ci); }
  int64_t products() const { return kPair * 36 * kPanel; }
  int64_t shared() const { return u_parts() + co + 6 * ci; }
  int64_t per_thread() const { return v_parts() + 2 * products(); }
};

// V parts of tile number t of 32.
void transform_tile(const zt_conv_shape& s, const Sizes& z, const TileInputs& inputs, int64_t t, float* V) {
  const int64_t packed = packed_floats(z.ci);
  alignas(64) float low[36 * kWidth];
  float* const row = V + t / kSide * packed + t % kSide * kSide;
  for (int64_t i = 0; i < s.in_channels; i += kStep) {
    float* const at = row + i / kStep * kStepFloats;
    inputs.transform(i, [&](int position, VF v) { store(low + position * kWidth, v); });
    if (i + kWidth < s.in_channels)
      inputs.transform(
          i + kWidth, [&](int position, VF v) { split(load(low + position * kWidth), v, at + position * 2 * packed); });
    else
      for (int position = 0; position < 36; ++position)
        split(load(low + position * kWidth), zero(), at + position * 2 * packed);
  }
}

// A panel of output channels, from `first` on, of `count` tiles of the frames.
struct Panel {
  const Place* places;
  int64_t count, first;
  float* M;
};

void run(const zt_conv_shape& s, const Sizes& z, const zt_conv_output& output, const float* x, const float* U,
         const float* zeros, const float* bias, float* own) {
  const TileUnit unit;
  float* const V = own;
  const int64_t packed = packed_floats(z.ci);
  Place places[2][kPair];
  Panel panels[2] = {{places[0], 0, 0, own + z.v_parts()}, {places[1], 0, 0, own + z.v_parts() + z.products()}};
  Panel *now = panels, *before = panels + 1;
  const auto finish = [&](int64_t begin, int64_t end) {
    if (begin < end)
      finish_tiles(s, z, output, before->places + begin, end - begin, before->first, before->M + begin * 36 * kPanel,
                   bias);
  };
  const int64_t blocks = ceil_div(z.tiles, kPair), all = z.co / kPanel;
  const int64_t parts = smaller(all, ceil_div(2 * omp_get_num_threads(), blocks));
#pragma omp for schedule(dynamic)
  for (int64_t task = 0; task < blocks * parts; ++task) {
    const int64_t first = task / parts * kPair, count = smaller(kPair, z.tiles - first), part = task % parts;
    Place* const here = before->places == places[0] ? places[1] : places[0];
    for (int64_t t = 0; t < count; ++t) {
      here[t] = locate(z, first + t);
      transform_tile(s, z, TileInputs(s, z, x, zeros, first + t), t, V);
    }
    for (int64_t o = all * part / parts * kPanel; o < all * (part + 1) / parts * kPanel; o += kPanel) {
      now->places = here, now->count = count, now->first = o;
      for (int64_t p = 0; p < 36; ++p) {
        const float *const a = V + p * 2 * packed, *const b = U + (p * z.co + o) / kSide * packed;
        const auto finish_some = [&](int64_t share) {
          if (share == 0) finish(before->count * p / 36, before->count * (p + 1) / 36);
        };
        multiply(a, a + packed, b, b + packed, z.steps, now->M + p * kPanel, 36 * kPanel, finish_some);
      }
      Panel* const done = now;
      now = before, before = done;
    }
  }
  finish(0, before->count);
#pragma omp barrier
}

// Parts of U of the weights. All threads come here; `taps` is the thread's own.
void transform_weights(const zt_conv_shape& s, const Sizes& z, const float* weight, float* U, float* taps) {
  const int64_t packed = packed_floats(z.ci), position = z.co / kSide * packed;
  alignas(64) float low[36 * kWidth];
#pragma omp for schedule(static)
  for (int64_t o = 0; o < z.co; o += kSide) {
    take_taps(s, weight, o, taps);
    const auto transform = [&](int64_t i, const auto& take) {
      if (i < s.in_channels) return transform_taps(taps + i * 9 * kWidth, take);
      for (int p = 0; p < 36; ++p) take(p, zero());
    };
    for (int64_t i = 0; i < z.ci; i += i % kSide == kSide - 1 ? kSide + 1 : 1) {  //  the first halves of steps
      float* const at = U + o / kSide * packed + i / kStep * kStepFloats + i % kStep * kSide;
      transform(i, [&](int p, VF u) { store(low + p * kWidth, u); });
      transform(i + kSide, [&](int p, VF u) { split(load(low + p * kWidth), u, at + p * position); });
    }
  }
}

}  // namespace

size_t conv_packed(const zt_conv_shape& s) { return Sizes(s).u_parts(); }

void conv_pack(const zt_conv_shape& s, const float* weight, float* packed, float* workspace, int threads) {
  const Sizes z(s);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    transform_weights(s, z, weight, packed, workspace + z.shared() + omp_get_thread_num() * z.per_thread());
  }
}

size_t conv_forward_workspace(const zt_conv_shape& s, int threads) {
  const Sizes z(s);
  return z.shared() + threads * z.per_thread();
}

void conv_forward(const zt_conv_shape& s, const zt_conv_output& output, const float* x, const float* weight,
                  const float* bias, const float* packed, float* workspace, int threads) {
  const Sizes z(s, is_pooled(output));
  float *const parts = workspace, *const shift = parts + z.u_parts();
  const float* const U = packed != nullptr ? packed : parts;
  float* const zeros = shift + z.co;
  for (int64_t o = 0; o < z.co; ++o) shift[o] = o < s.out_channels ? bias[o] : 0;
  for (int64_t i = 0; i < 6 * z.ci; ++i) zeros[i] = 0;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const own = workspace + z.shared() + omp_get_thread_num() * z.per_thread();
    if (packed == nullptr) transform_weights(s, z, weight, parts, own);
    run(s, z, output, x, U, zeros, shift, own);
  }
}

}  // namespace zt::ZT_ISA::amx

#endif
