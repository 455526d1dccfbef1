// The patches of frames that a convolution multiplies, and the shares of them that threads take.
#pragma once

#include "../simd/tall_product.h"
#include "../simd/transpose.h"
#include "conv2d.h"

namespace zt::ZT_ISA {

ZT_INLINE int64_t reach_of(const zt_conv2d_shape& s) { return (s.kernel - 1) * s.dilation + 1; }
ZT_INLINE int64_t rows_of(const zt_conv2d_shape& s) { return (s.height + 2 * s.padding - reach_of(s)) / s.stride + 1; }
ZT_INLINE int64_t columns_of(const zt_conv2d_shape& s) {
  return (s.width + 2 * s.padding - reach_of(s)) / s.stride + 1;
}

// Of a gradient, the values from `at` on that ReLU lets pass, where it made y; without y all of them. As in PyTorch,
// those of a y that is NaN pass.
ZT_INLINE VF passed(const float* dy, const float* y, int64_t at, int64_t count) {
  const VF d = load_first(dy + at, count);
  return y == nullptr ? d : select(load_first(y + at, count) <= zero(), zero(), d);
}

// A grid of patches over each frame: that at (row, column) begins at pixel (row * step + low, column * step + low) and
// reaches `reach` pixels far. What lies outside of the frame is zeros.
struct Patches {
  int64_t frames, height, width, channels;
  int64_t rows, columns, step, low, reach;
  bool planes = false;     //  each channel's pixels lie together
  bool scattered = false;  //  and are read where they lie
  bool masked = false;     //  what is read are gradients that ReLU let pass

  bool reach_out() const {
    return low < 0 || (rows - 1) * step + low + reach > height || (columns - 1) * step + low + reach > width;
  }
  // Whether patches are read from a copy of the frames' lines, with the zeros and the channels side by side.
  bool are_copied() const { return (planes && !scattered) || masked || reach_out(); }
  int64_t copied_lines(int64_t count) const { return (count - 1) * step + reach; }
  int64_t copied_line() const { return copied_lines(columns) * channels; }
  // Floats from one pixel, line or frame to the next, where patches are read.
  int64_t pixel() const { return scattered ? 1 : channels; }
  int64_t line() const { return are_copied() ? copied_line() : width * pixel(); }
  int64_t frame(int64_t row_count) const {
    return are_copied() ? copied_lines(row_count) * copied_line() : height * width * channels;
  }
};

// The patches of a task: some rows of a frame, or some whole frames.
struct Share {
  int64_t frame, frames, row, rows;  //  the first and how many; the rows of each frame

  int64_t lines() const { return frames * rows; }
};

// How the patches are divided into tasks. Where there are fewer shares of patches than threads, the columns of the
// product are divided as well.
struct Shares {
  static constexpr int64_t kPatches = 384;       //  about so many patches, whose sums stay in L2
  static constexpr int64_t kCopied = 1ll << 17;  //  and at most so many copied floats, unless a row has more

  const Patches& p;
  int64_t frames, rows, of_frames, of_rows;

  Shares(const Patches& patches, int threads) : p(patches) {
    const int64_t lines = p.frames * p.rows, each = ceil_div(lines, 2 * threads);
    const int64_t by_copy = p.are_copied() ? larger(kCopied / (p.step * p.copied_line()), 1) : lines;
    const int64_t most = smaller(smaller(larger(kPatches / p.columns, 1), by_copy), each);
    frames = larger(most / p.rows, 1);
    rows = most >= p.rows ? p.rows : ceil_div(p.rows, ceil_div(p.rows, most));
    of_frames = ceil_div(p.frames, frames), of_rows = ceil_div(p.rows, rows);
  }

  int64_t count() const { return of_frames * of_rows; }
  int64_t patches() const { return frames * rows * p.columns; }
  int64_t copied() const { return p.are_copied() ? frames * p.copied_lines(rows) * p.copied_line() : 0; }
  int64_t parts(int64_t panels, int threads) const { return smaller(panels, ceil_div(2 * threads, count())); }

  Share at(int64_t task) const {
    const int64_t frame = task / of_rows * frames, row = task % of_rows * rows;
    return {frame, smaller(frames, p.frames - frame), row, smaller(rows, p.rows - row)};
  }
};

ZT_INLINE void copy_line(const Patches& p, const float* values, const float* outputs, int64_t at, int64_t count,
                         float* to) {
  if (!p.masked) return copy_floats(values + at, count, to);
  for (int64_t i = 0; i < count; i += kWidth)
    store_first(to + i, passed(values, outputs, at + i, count - i), count - i);
}

// The share's lines of frames into `copy`; masked, those of gradients that ReLU, which made `outputs`, let pass.
ZT_INLINE void copy_share(const Patches& p, const Share& share, const float* values, const float* outputs,
                          float* copy) {
  const int64_t width = p.copied_lines(p.columns), before = smaller(larger(-p.low, 0), width);
  const int64_t from = larger(p.low, 0), count = larger(smaller(p.width - from, width - before), 0);
  for (int64_t frame = share.frame; frame < share.frame + share.frames; ++frame)
    for (int64_t i = 0; i < p.copied_lines(share.rows); ++i, copy += width * p.channels) {
      const int64_t line = share.row * p.step + p.low + i;
      if (line < 0 || line >= p.height) {
        zero_floats(width * p.channels, copy);
        continue;
      }
      zero_floats(before * p.channels, copy);
      float* const to = copy + before * p.channels;
      if (p.planes)
        interleave_channels(values + (frame * p.channels * p.height + line) * p.width + from, p.height * p.width,
                            p.channels, count, to);
      else
        copy_line(p, values, outputs, ((frame * p.height + line) * p.width + from) * p.channels, count * p.channels,
                  to);
      zero_floats((width - before - count) * p.channels, copy + (before + count) * p.channels);
    }
}

// Calls body(begin, frame, row, column) for each patch of the share; it begins there. `copy` has room where patches
// are copied.
template <typename Body>
ZT_INLINE void for_patches(const Patches& p, const Share& share, const float* values, const float* copy,
                           const Body& body) {
  const bool is_copied = p.are_copied();
  const int64_t line = p.line(), each = p.frame(share.rows), first = is_copied ? 0 : share.row;
  const float* const begin = is_copied ? copy : values + share.frame * each + p.low * (line + p.pixel());
  for (int64_t frame = 0; frame < share.frames; ++frame)
    for (int64_t row = 0; row < share.rows; ++row) {
      const float* at = begin + frame * each + (first + row) * p.step * line;
      for (int64_t column = 0; column < p.columns; ++column, at += p.step * p.pixel())
        body(at, share.frame + frame, share.row + row, column);
    }
}

}  // namespace zt::ZT_ISA
