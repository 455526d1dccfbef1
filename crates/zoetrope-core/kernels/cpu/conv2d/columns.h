// What the gradient of a convolution's weights sums: the columns of the patches, and in which parts.
#pragma once

#include "patches.h"

namespace zt::ZT_ISA {

constexpr int64_t kTasks = 64;              //  about so many parts and panels, for any number of threads
constexpr int64_t kPartPatches = 512;       //  of a part at least
constexpr int64_t kPartFloats = 1ll << 20;  //  of all parts' sums at most, unless there is one part
constexpr int64_t kGroup = 32;              //  panels of a task at most
constexpr int64_t kChannels = 128;          //  output channels of a task at most: with them its sums stay in L2

struct Sizes {
  int64_t in, out, rows, columns, patches, depth;  //  depth: of a patch
  int64_t panels, parts;
  bool on_tiles;  //  the products, on the tile unit

  explicit Sizes(const zt_conv2d_shape& s)
      : in(s.in_channels),
        out(s.out_channels),
        rows(rows_of(s)),
        columns(columns_of(s)),
        patches(s.frames * rows * columns),
        depth(s.kernel * s.kernel * in),
        panels(ceil_div(depth, kPanel)),
        on_tiles(TallWeights::takes_tiles(patches, out)) {
    const int64_t wanted = smaller(ceil_div(kTasks, panels), patches / kPartPatches);
    parts = larger(smaller(wanted, kPartFloats / (panels * kPanel * out)), 1);
  }

  int64_t sums() const { return panels * kPanel * out; }  //  [panel][out][kPanel], of a part
  int64_t begin(int64_t part) const { return patches * part / parts; }
  int64_t blocks() const { return ceil_div(out, kChannels); }
};

// One panel of the patches' columns, for packing.
class Columns {
  // Columns that lie side by side in the frame.
  struct Piece {
    int64_t y, x, within;    //  a pixel of the patch; floats from there
    int64_t at, length, to;  //  floats from where the patch begins; where they come to lie
  };

  zt_conv2d_shape s_;
  Sizes z_;
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

  bool is_narrow() const { return count_ <= kWidth; }

  // Those of `count` patches from `patch` on: rows [count], where they lie in the frames if side by side, else in `out`
  // [count][kPanel], and perhaps a vector behind.
  void find(int64_t patch, int64_t count, float* out, const float** rows) const {
    int64_t column = patch % z_.columns, row = patch / z_.columns % z_.rows, frame = patch / z_.columns / z_.rows;
    for (int64_t done = 0; done < count; column = 0) {
      const int64_t in_row = smaller(count - done, z_.columns - column);
      find_in_row(frame, row, column, in_row, out + done * kPanel, rows + done);
      done += in_row;
      if (++row == z_.rows) row = 0, ++frame;
    }
  }

 private:
  // Of `count` patches of one row of them.
  void find_in_row(int64_t frame, int64_t row, int64_t column, int64_t count, float* out, const float** rows) const {
    const int64_t reach = reach_of(s_), step = s_.stride * z_.in, top = row * s_.stride - s_.padding;
    const bool is_run = whole_count_ == 1 && count_ == kPanel, is_inside = top >= 0 && top + reach <= s_.height;
    for (int64_t i = 0; i < count;) {
      const int64_t left = (column + i) * s_.stride - s_.padding;
      const bool is_whole = is_inside && left >= 0 && left + reach <= s_.width;
      const float* const from = x_ + ((frame * s_.height + top) * s_.width + left) * z_.in;
      if (is_whole && is_run) {
        const int64_t end = smaller(count, i + (s_.width - reach - left) / s_.stride + 1);
        for (int64_t n = i; n < end; ++n) rows[n] = from + whole_[0].at + (n - i) * step;
        i = end;
        continue;
      }
      float* const to = out + i * kPanel;
      rows[i] = to;
      if (is_whole)
        for (int64_t n = 0; n < whole_count_; ++n) copy(from + whole_[n].at, whole_[n].length, to + whole_[n].to);
      else
        pack_border(frame, top, left, to);
      if (count_ < kPanel) zero_floats(kPanel - count_, to + count_);
      ++i;
    }
  }

  // Cuts the columns where they do not lie side by side, `length` of which do.
  int64_t cut(int64_t length, Piece* out) const {
    int64_t pieces = 0;
    for (int64_t done = 0; done < count_; ++pieces) {
      const int64_t column = first_ + done, tap = column / length * length / z_.in, within = column % length;
      const int64_t y = tap / s_.kernel * s_.dilation, x = tap % s_.kernel * s_.dilation;
      const int64_t part = smaller(length - within, count_ - done);
      out[pieces] = {y, x, within, (y * s_.width + x) * z_.in + within, part, done};
      done += part;
    }
    return pieces;
  }

  void pack_border(int64_t frame, int64_t top, int64_t left, float* out) const {
    const float* const begin = x_ + ((frame * s_.height + top) * s_.width + left) * z_.in;
    if (s_.dilation == 1) {  //  of a line, the floats low … high lie within the frame
      const int64_t low = larger(-left, 0) * z_.in, high = smaller(s_.width - left, s_.kernel) * z_.in;
      for (int64_t n = 0; n < whole_count_; ++n) {
        const Piece& piece = whole_[n];
        const bool exists = top + piece.y >= 0 && top + piece.y < s_.height;
        const int64_t first = smaller(larger(low - piece.x * z_.in - piece.within, 0), piece.length);
        const int64_t last =
            exists ? larger(smaller(high - piece.x * z_.in - piece.within, piece.length), first) : first;
        zero(first, out + piece.to);
        copy(begin + piece.at + first, last - first, out + piece.to + first);
        zero(piece.length - last, out + piece.to + last);
      }
      return;
    }
    for (int64_t n = 0; n < single_count_; ++n) {
      const Piece& piece = single_[n];
      const int64_t y = top + piece.y, x = left + piece.x;
      if (y >= 0 && y < s_.height && x >= 0 && x < s_.width)
        copy(begin + piece.at, piece.length, out + piece.to);
      else
        zero(piece.length, out + piece.to);
    }
  }

  // Whole vectors: what lies behind is overwritten next.
  static void zero(int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += kWidth) store(to + i, zt::ZT_ISA::zero());
  }

  // The same, where x has whole vectors.
  void copy(const float* from, int64_t count, float* to) const {
    if (end_ - from < round_up(count, kWidth)) return copy_floats(from, count, to);
    for (int64_t i = 0; i < count; i += kWidth) store(to + i, load(from + i));
  }
};

// The task's share of the product: some panels of columns, some output channels, one part of the patches.
struct Gradient {
  const Sizes& z;
  const Columns* columns;
  int64_t panels, first_channel, channels, begin, end;
  const float *dy, *y;  //  passed()
  float* sums;          //  [panels][out][kPanel]

  // Some of a patch's gradients, from a channel of the task on.
  VF passed_at(int64_t patch, int64_t channel) const {
    return passed(dy, y, patch * z.out + first_channel + channel, channels - channel);
  }
  float* sums_at(int64_t panel, int64_t channel) const {
    return sums + (panel * z.out + first_channel + channel) * kPanel;
  }
};

}  // namespace zt::ZT_ISA
