// The gradients of a convolution's weights and bias.
//
//   dweight [out][kernel * kernel * in] = Σ over patches of dyᵀ · patch       dbias = Σ dy
//
// A task takes one panel of the patches' columns and one part of the patches, some at a time: it packs the panel's
// columns of these patches, where zeros come in, and multiplies them with all of dy's channels. The parts depend on the
// sizes alone, not on the threads. Their sums are added at the end.
//
// Cost: 2·patches·kernel²·in_channels·out_channels FLOPs.
#include <omp.h>

#include "patches.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kPatches = 128;     //  that are summed before their sum is added: a long sum would lose digits
constexpr int64_t kTasks = 64;        //  about so many, for any number of threads
constexpr int64_t kPartPatches = 512;  //  of a part at least
constexpr int64_t kPartFloats = 1ll << 20;  //  of all parts' sums at most, unless there is one part

struct Sizes {
  int64_t in, out, rows, columns, patches, depth;  //  depth: of a patch
  int64_t panels, parts;

  explicit Sizes(const zt_conv2d_shape& s)
      : in(s.in_channels),
        out(s.out_channels),
        rows(rows_of(s)),
        columns(columns_of(s)),
        patches(s.frames * rows * columns),
        depth(s.kernel * s.kernel * in),
        panels(ceil_div(depth, kPanel)) {
    const int64_t wanted = smaller(ceil_div(kTasks, panels), patches / kPartPatches);
    parts = larger(smaller(wanted, kPartFloats / (panels * kPanel * out)), 1);
  }

  int64_t sums() const { return panels * kPanel * out; }  //  [panel][out][kPanel], of a part
  int64_t begin(int64_t part) const { return patches * part / parts; }
};

struct Workspace {
  float *sums, *bias, *packed;
  int64_t size;

  Workspace(const Sizes& z, int threads, float* at) : Workspace(z, threads, Cutter(at)) {}

 private:
  Workspace(const Sizes& z, int threads, Cutter cut)
      : sums(cut.take(z.parts * z.sums())),
        bias(cut.take(z.parts * round_up(z.out, kWidth))),
        packed(cut.take(threads * kPatches * kPanel)),
        size(cut.size()) {}
};

// Some columns of the patches, for packing.
class Columns {
  const zt_conv2d_shape& s_;
  const Sizes& z_;
  const float* x_;
  int64_t first_, count_;

 public:
  Columns(const zt_conv2d_shape& s, const Sizes& z, const float* x, int64_t panel)
      : s_(s), z_(z), x_(x), first_(panel * kPanel), count_(smaller(kPanel, z.depth - first_)) {}

  // Those of `count` patches from `patch` on: out [count][kPanel].
  void pack(int64_t patch, int64_t count, float* out) const {
    int64_t column = patch % z_.columns, row = patch / z_.columns % z_.rows, frame = patch / z_.columns / z_.rows;
    for (int64_t i = 0; i < count; ++i, out += kPanel) {
      pack(frame, row * s_.stride - s_.padding, column * s_.stride - s_.padding, out);
      if (++column < z_.columns) continue;
      column = 0;
      if (++row < z_.rows) continue;
      row = 0, ++frame;
    }
  }

 private:
  // Those of the patch that begins at pixel (top, left).
  void pack(int64_t frame, int64_t top, int64_t left, float* out) const {
    const bool is_whole = s_.dilation == 1 && left >= 0 && left + s_.kernel <= s_.width;
    const int64_t length = is_whole ? s_.kernel * z_.in : z_.in;  //  what lies side by side
    for (int64_t done = 0; done < count_;) {
      const int64_t at = first_ + done, tap = at / length * length / z_.in, from = at % length;
      const int64_t y = top + tap / s_.kernel * s_.dilation, x = left + tap % s_.kernel * s_.dilation;
      const int64_t part = smaller(length - from, count_ - done);
      const bool exists = y >= 0 && y < s_.height && (is_whole || (x >= 0 && x < s_.width));
      if (exists)
        copy_floats(x_ + ((frame * s_.height + y) * s_.width + x) * z_.in + from, part, out + done);
      else
        zero_floats(part, out + done);
      done += part;
    }
    zero_floats(kPanel - count_, out + count_);
  }
};

// sums [kCount][kPanel] = or += Σ over patches of dy [count][kCount of `out`]ᵀ · packed [count][kPanel].
template <int kCount>
ZT_NOINLINE void gradient_tile(const float* dy, int64_t out, const float* packed, int64_t count, bool adds,
                               float* sums) {
  VF local[kCount][2];
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r) local[r][0] = local[r][1] = zero();
  for (int64_t k = 0; k < count; ++k, dy += out, packed += kPanel) {
    const VF low = load(packed), high = load(packed + kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kCount; ++r) {
      const VF scale = broadcast(dy[r]);
      local[r][0] = fma(scale, low, local[r][0]), local[r][1] = fma(scale, high, local[r][1]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kCount; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      float* const to = sums + r * kPanel + v * kWidth;
      store(to, adds ? load(to) + local[r][v] : local[r][v]);
    }
}

// The sums of one part and panel.
void sum_weight(const Sizes& z, const Columns& columns, const float* dy, int64_t part, float* packed, float* sums) {
  const int64_t begin = z.begin(part), end = z.begin(part + 1);
  for (int64_t patch = begin; patch < end; patch += kPatches) {
    const int64_t count = smaller(kPatches, end - patch);
    columns.pack(patch, count, packed);
    for_tiles(z.out, [&](auto constant, int64_t row) {
      gradient_tile<decltype(constant)::count>(dy + patch * z.out + row, z.out, packed, count, patch > begin,
                                               sums + row * kPanel);
    });
  }
}

void sum_bias(const Sizes& z, const float* dy, int64_t part, float* sums) {
  const int64_t begin = z.begin(part), end = z.begin(part + 1);
  for (int64_t c = 0; c < z.out; c += kWidth) store(sums + c, zero());
  for (int64_t patch = begin; patch < end; patch += kPatches)
    for (int64_t c = 0; c < z.out; c += kWidth) {
      VF sum = zero();
      for (int64_t i = patch; i < smaller(patch + kPatches, end); ++i) sum += load_first(dy + i * z.out + c, z.out - c);
      store(sums + c, load(sums + c) + sum);
    }
}

}  // namespace

size_t conv2d_weight_gradient_workspace(const zt_conv2d_shape& s, int threads) {
  return Workspace(Sizes(s), threads, nullptr).size;
}

void conv2d_weight_gradient(const zt_conv2d_shape& s, const float* x, const float* dy, float* dweight, float* dbias,
                            float* workspace, int threads) {
  const Sizes z(s);
  const Workspace w(z, threads, workspace);
  const int64_t taps = s.kernel * s.kernel, padded = round_up(z.out, kWidth);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const packed = w.packed + omp_get_thread_num() * kPatches * kPanel;
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < (dweight != nullptr ? z.parts * z.panels : 0); ++task) {
      const int64_t part = task / z.panels, panel = task % z.panels;
      sum_weight(z, Columns(s, z, x, panel), dy, part, packed, w.sums + task * z.out * kPanel);
    }
#pragma omp for schedule(static)
    for (int64_t part = 0; part < (dbias != nullptr ? z.parts : 0); ++part) sum_bias(z, dy, part, w.bias + part * padded);
#pragma omp for schedule(static)
    for (int64_t o = 0; o < z.out; ++o) {
      for (int64_t k = 0; k < (dweight != nullptr ? z.depth : 0); ++k) {
        const float* const sum = w.sums + (k / kPanel * z.out + o) * kPanel + k % kPanel;
        float total = 0;
        for (int64_t part = 0; part < z.parts; ++part) total += sum[part * z.sums()];
        dweight[(o * z.in + k % z.in) * taps + k / z.in] = total;
      }
      if (dbias == nullptr) continue;
      float total = 0;
      for (int64_t part = 0; part < z.parts; ++part) total += w.bias[part * padded + o];
      dbias[o] = total;
    }
  }
}

}  // namespace zt::ZT_ISA
