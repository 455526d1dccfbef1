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
constexpr int64_t kPacked = kPatches * kPanel + kWidth;
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
        packed(cut.take(threads * kPacked)),
        size(cut.size()) {}
};

// One panel of the patches' columns, for packing.
class Columns {
  // Columns that lie side by side in the frame.
  struct Piece {
    int64_t y, x, at, length, to;  //  pixel of the patch; floats from where the patch begins; where it comes to lie
  };

  const zt_conv2d_shape& s_;
  const Sizes& z_;
  const float *x_, *end_;
  int64_t first_, count_;
  Piece whole_[kPanel], single_[kPanel];  //  of a patch that lies within the frame, and pixel by pixel
  int64_t whole_count_, single_count_;

 public:
  Columns(const zt_conv2d_shape& s, const Sizes& z, const float* x, int64_t panel)
      : s_(s),
        z_(z),
        x_(x),
        end_(x + s.frames * s.height * s.width * z.in),
        first_(panel * kPanel),
        count_(smaller(kPanel, z.depth - first_)),
        whole_count_(cut(s.dilation == 1 ? s.kernel * z.in : z.in, whole_)),
        single_count_(cut(z.in, single_)) {}

  // Those of `count` patches from `patch` on: out [count][kPanel], and perhaps a vector behind.
  void pack(int64_t patch, int64_t count, float* out) const {
    int64_t column = patch % z_.columns, row = patch / z_.columns % z_.rows, frame = patch / z_.columns / z_.rows;
    const int64_t reach = reach_of(s_);
    for (int64_t i = 0; i < count; ++i, out += kPanel) {
      const int64_t top = row * s_.stride - s_.padding, left = column * s_.stride - s_.padding;
      if (top >= 0 && left >= 0 && top + reach <= s_.height && left + reach <= s_.width) {
        const float* const from = x_ + ((frame * s_.height + top) * s_.width + left) * z_.in;
        for (int64_t n = 0; n < whole_count_; ++n) copy(from + whole_[n].at, whole_[n].length, out + whole_[n].to);
      } else {
        pack_border(frame, top, left, out);
      }
      if (count_ < kPanel) zero_floats(kPanel - count_, out + count_);
      if (++column < z_.columns) continue;
      column = 0;
      if (++row < z_.rows) continue;
      row = 0, ++frame;
    }
  }

 private:
  // Cuts the columns where they do not lie side by side, `length` of which do.
  int64_t cut(int64_t length, Piece* out) const {
    int64_t pieces = 0;
    for (int64_t done = 0; done < count_; ++pieces) {
      const int64_t column = first_ + done, tap = column / length * length / z_.in, within = column % length;
      const int64_t y = tap / s_.kernel * s_.dilation, x = tap % s_.kernel * s_.dilation;
      const int64_t part = smaller(length - within, count_ - done);
      out[pieces] = {y, x, (y * s_.width + x) * z_.in + within, part, done};
      done += part;
    }
    return pieces;
  }

  void pack_border(int64_t frame, int64_t top, int64_t left, float* out) const {
    for (int64_t n = 0; n < single_count_; ++n) {
      const Piece& piece = single_[n];
      const int64_t y = top + piece.y, x = left + piece.x;
      if (y >= 0 && y < s_.height && x >= 0 && x < s_.width)
        copy(x_ + ((frame * s_.height + top) * s_.width + left) * z_.in + piece.at, piece.length, out + piece.to);
      else
        zero_floats(piece.length, out + piece.to);
    }
  }

  // Whole vectors where x has them: what lies behind is overwritten next.
  void copy(const float* from, int64_t count, float* to) const {
    if (end_ - from < round_up(count, kWidth)) return copy_floats(from, count, to);
    for (int64_t i = 0; i < count; i += kWidth) store(to + i, load(from + i));
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
      const int64_t last = smaller(patch + kPatches, end);
      VF sum = zero();
      for (int64_t i = patch; i + kWidth < last; ++i) sum += load(dy + i * z.out + c);  //  lanes behind do not matter
      for (int64_t i = larger(patch, last - kWidth); i < last; ++i) sum += load_first(dy + i * z.out + c, z.out - c);
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
    float* const packed = w.packed + omp_get_thread_num() * kPacked;
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < (dweight != nullptr ? z.parts * z.panels : 0); ++task) {
      const int64_t part = task / z.panels, panel = task % z.panels;
      sum_weight(z, Columns(s, z, x, panel), dy, part, packed, w.sums + task * z.out * kPanel);
    }
#pragma omp for schedule(static)
    for (int64_t part = 0; part < (dbias != nullptr ? z.parts : 0); ++part) sum_bias(z, dy, part, w.bias + part * padded);
#pragma omp for schedule(static)
    for (int64_t o = 0; o < z.out; ++o) {
      for (int64_t c = 0; c < (dweight != nullptr ? z.in : 0); ++c)
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t k = tap * z.in + c;
          const float* const sum = w.sums + (k / kPanel * z.out + o) * kPanel + k % kPanel;
          float total = 0;
          for (int64_t part = 0; part < z.parts; ++part) total += sum[part * z.sums()];
          dweight[(o * z.in + c) * taps + tap] = total;
        }
      if (dbias == nullptr) continue;
      float total = 0;
      for (int64_t part = 0; part < z.parts; ++part) total += w.bias[part * padded + o];
      dbias[o] = total;
    }
  }
}

}  // namespace zt::ZT_ISA
