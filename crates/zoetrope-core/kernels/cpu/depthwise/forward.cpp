// The depthwise convolution: each output is a sum of kernel_height · kernel_width products, of vectors of channels.
//
// Cost: 2·kernel_height·kernel_width FLOPs for each value of y; x is read once for each row of the kernel, from L2.
#include <cmath>

#include "../conv/activation.h"
#include "lines.h"

namespace zt::ZT_ISA {
namespace {

// What a sum alone does not do: the residual sum, and activations that do not cut off.
struct Rest {
  const zt_conv_output& output;
  bool is_cut, is_needed;

  explicit Rest(const zt_conv_output& output) : output(output) {
    const bool is_linear = output.activation == zt_linear_activation;
    is_cut = (output.activation == zt_relu || output.activation == zt_relu6) && output.residual == nullptr;
    is_needed = !is_cut && (!is_linear || output.residual != nullptr);
  }
  float least() const { return is_cut ? 0 : -INFINITY; }
  float most() const { return is_cut && output.activation == zt_relu6 ? 6 : INFINITY; }

  template <zt_conv_activation kActivation>
  void apply(int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; i += kWidth) {
      VF value = load_first(output.y + i, end - i);
      if (output.residual != nullptr) value += load_first(output.residual + i, end - i);
      store_first(output.y + i, activate<kActivation>(value), end - i);
    }
  }
};

}  // namespace

size_t depthwise_packed(const zt_depthwise_shape& s) { return s.kernel_height * s.kernel_width * padded_channels(s); }

void depthwise_pack(const zt_depthwise_shape& s, const float* weight, float* packed) {
  const int64_t taps = s.kernel_height * s.kernel_width, padded = padded_channels(s);
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t c = 0; c < padded; ++c) packed[tap * padded + c] = c < s.channels ? weight[c * taps + tap] : 0;
}

void depthwise_forward(const zt_depthwise_shape& s, const zt_conv_output& output, const float* x, const float* packed,
                       const float* bias, int threads) {
  const int64_t rows = outputs_of(s, s.height, s.kernel_height, s.padding_above);
  const int64_t parts = ceil_div(outputs_of(s, s.width, s.kernel_width, s.padding_beside), kOutputs);
  const Rest rest(output);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.frames * rows * parts; ++task) {
      const Frame f(s, task / parts / rows);
      const int64_t row = task / parts % rows, begin = task % parts * kOutputs;
      const int64_t end = smaller(begin + kOutputs, f.columns), y = (f.y + row * f.columns) * s.channels;
      if (begin >= end) continue;
      const Line line = {s.channels,
                         padded_channels(s),
                         packed,
                         s.kernel_width,
                         taps_forward(s, s.kernel_height, s.padding_above).within(f.height, row * s.stride),
                         taps_forward(s, s.kernel_width, s.padding_beside),
                         x + f.x * s.channels,
                         f.width,
                         s.stride,
                         output.y + y,
                         1,
                         bias,
                         rest.least(),
                         rest.most()};
      outputs(line, begin, end);
      if (rest.is_needed)
        with_activation(output.activation, [&](auto activation) {
          rest.template apply<decltype(activation)::value>(y + begin * s.channels, y + end * s.channels);
        });
    }
  }
}

}  // namespace zt::ZT_ISA
