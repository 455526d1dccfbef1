// The first block forward: conv 3x3 + bias + ReLU + max-pool 2x2 of NCHW frames (floats or bytes) of one to four
// channels, output NHWC. Too few channels for Winograd's products; a direct kernel.
//
//   y[window][co] = max(0, max over 4 positions (Σ over the patch x · weight[co]) + bias[co])
//
// Four rows of pixels, channels interleaved, are what a row of windows reads. The micro-kernel computes a window's
// four positions for two vectors of output channels in eight registers, and pools them there.
//
// Cost per window: 72·ci·co FLOPs; memory: the frame read twice (rows overlap), 5·co bytes written.
#include <omp.h>

#include "conv_first.h"
#include "pool.h"

namespace zt::ZT_ISA {
namespace {

constexpr int kPanel = 2 * kWidth;  //  output channels of a panel

struct Sizes {
  int64_t rows, cols;     //       of windows
  int64_t panels, panel;  //    floats of a panel's weights [9 CI][kPanel]
  int64_t line;           //             floats of a row of pixels with its border

  explicit Sizes(const zt_conv_shape& s) {
    rows = s.height / 2, cols = s.width / 2;
    panels = ceil_div(s.out_channels, kPanel), panel = 9 * s.in_channels * kPanel;
    line = round_up((2 * cols + 2) * s.in_channels + kWidth, 16);
  }
  int64_t shared() const { return kUnit + round_up(panels * (panel + kPanel), 16); }
};

// [panel][kh][kw][ci][kPanel]; zeros for channels that do not exist.
void pack_weights(const zt_conv_shape& s, const Sizes& z, const float* weight, float* packed) {
  for (int64_t o = 0; o < z.panels * kPanel; ++o)
    for (int64_t i = 0; i < s.in_channels; ++i)
      for (int64_t k = 0; k < 9; ++k)
        packed[o / kPanel * z.panel + (k * s.in_channels + i) * kPanel + o % kPanel] =
            o < s.out_channels ? weight[(o * s.in_channels + i) * 9 + k] : 0;
}

// Rows 2r - 1 … 2r + 2 at the window's left column - 1, and the window's y and argmax for a panel.
template <int CI>
ZT_INLINE void window(const float* const rows[4], const float* weights, const float* bias, VF y[2], VI argmax[2]) {
  VF sum[4][2];
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) sum[p][0] = sum[p][1] = zero();
  for (int kh = 0; kh < 3; ++kh, weights += 3 * CI * kPanel) {
    const float *upper = rows[kh], *lower = rows[kh + 1];
#pragma GCC unroll 12
    for (int k = 0; k < 3 * CI; ++k) {
      const VF w0 = load(weights + k * kPanel), w1 = load(weights + k * kPanel + kWidth);
      const VF x0 = broadcast(upper[k]), x1 = broadcast(upper[CI + k]);
      const VF x2 = broadcast(lower[k]), x3 = broadcast(lower[CI + k]);
      sum[0][0] = fma(x0, w0, sum[0][0]), sum[0][1] = fma(x0, w1, sum[0][1]);
      sum[1][0] = fma(x1, w0, sum[1][0]), sum[1][1] = fma(x1, w1, sum[1][1]);
      sum[2][0] = fma(x2, w0, sum[2][0]), sum[2][1] = fma(x2, w1, sum[2][1]);
      sum[3][0] = fma(x3, w0, sum[3][0]), sum[3][1] = fma(x3, w1, sum[3][1]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < 2; ++v)
    pool(sum[0][v], sum[1][v], sum[2][v], sum[3][v], load(bias + v * kWidth), y[v], argmax[v]);
}

template <int CI>
void forward(const zt_conv_shape& s, const Sizes& z, const Frames& frames, const float* packed, const float* bias,
             float* y, uint8_t* argmax, float* lines, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t item = 0; item < s.frames * z.rows; ++item) {
    const int64_t frame = item / z.rows, row = item % z.rows;
    float* const line = lines + omp_get_thread_num() * 4 * z.line;
    for (int k = 0; k < 4; ++k)
      interleave_row<CI>(s, frames, frame, 2 * row - 1 + k, 2 * z.cols + 2, line + k * z.line);
    for (int64_t col = 0; col < z.cols; ++col) {
      const float* rows[4];
      for (int k = 0; k < 4; ++k) rows[k] = line + k * z.line + 2 * col * CI;
      for (int64_t panel = 0; panel < z.panels; ++panel) {
        VF values[2];
        VI indices[2];
        window<CI>(rows, packed + panel * z.panel, bias + panel * kPanel, values, indices);
        for (int v = 0; v < 2; ++v) {
          const int64_t o = panel * kPanel + v * kWidth, channels = s.out_channels - o;
          const int64_t at = (item * z.cols + col) * s.out_channels + o;
          if (channels >= kWidth) {
            store(y + at, values[v]);
            if (argmax != nullptr) store_bytes(argmax + at, indices[v]);
          } else if (channels > 0) {
            store_first(y + at, values[v], channels);
            for (int64_t c = 0; argmax != nullptr && c < channels; ++c)
              argmax[at + c] = static_cast<uint8_t>(indices[v][c]);
          }
        }
      }
    }
  }
}

}  // namespace

size_t conv_first_forward_workspace(const zt_conv_shape& s, int threads) {
  const Sizes z(s);
  return z.shared() + threads * 4 * z.line;
}

void conv_first_forward(const zt_conv_shape& s, const float* x, const uint8_t* pixels, const float* weight,
                        const float* bias, float* y, uint8_t* argmax, float* workspace, int threads) {
  const Sizes z(s);
  const Frames frames = frames_of(x, pixels, workspace);
  float* const packed = workspace + kUnit;
  float* const shift = packed + z.panels * z.panel;
  float* const lines = workspace + z.shared();
  pack_weights(s, z, weight, packed);
  for (int64_t o = 0; o < z.panels * kPanel; ++o) shift[o] = o < s.out_channels ? bias[o] : 0;
  switch (s.in_channels) {
    case 1:
      return forward<1>(s, z, frames, packed, shift, y, argmax, lines, threads);
    case 2:
      return forward<2>(s, z, frames, packed, shift, y, argmax, lines, threads);
    case 3:
      return forward<3>(s, z, frames, packed, shift, y, argmax, lines, threads);
    default:
      return forward<4>(s, z, frames, packed, shift, y, argmax, lines, threads);
  }
}

}  // namespace zt::ZT_ISA
