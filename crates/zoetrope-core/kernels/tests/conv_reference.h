// A convolution block computed plainly, in float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "../cpu/conv/conv.h"
#include "checks.h"

using Bytes = std::vector<uint8_t>;

struct Reference {
  zt_conv_shape s;
  int64_t rows, cols;

  explicit Reference(const zt_conv_shape& shape) : s(shape), rows(shape.height / 2), cols(shape.width / 2) {}

  int64_t x_at(int64_t n, int64_t h, int64_t w, int64_t i) const {
    return ((n * s.height + h) * s.width + w) * s.in_channels + i;
  }
  int64_t y_at(int64_t n, int64_t h, int64_t w, int64_t o) const {
    return ((n * rows + h) * cols + w) * s.out_channels + o;
  }

  // The convolution's output at one position.
  double convolve(const Floats& x, const Floats& weight, const Floats& bias, int64_t n, int64_t h, int64_t w,
                  int64_t o) const {
    double sum = bias[o];
    for (int64_t kh = 0; kh < 3; ++kh)
      for (int64_t kw = 0; kw < 3; ++kw) {
        const int64_t row = h + kh - s.padding, col = w + kw - s.padding;
        if (row < 0 || row >= s.height || col < 0 || col >= s.width) continue;
        for (int64_t i = 0; i < s.in_channels; ++i)
          sum += double(x[x_at(n, row, col, i)]) * weight[((o * s.in_channels + i) * 3 + kh) * 3 + kw];
      }
    return sum;
  }

  // y, and how far the argmax lies below the true maximum at worst (0: right; 4 counts as the value 0).
  Doubles forward(const Floats& x, const Floats& weight, const Floats& bias, const Bytes& argmax, double& gap) const {
    Doubles y(s.frames * rows * cols * s.out_channels);
    gap = 0;
    for (int64_t n = 0; n < s.frames; ++n)
      for (int64_t h = 0; h < rows; ++h)
        for (int64_t w = 0; w < cols; ++w)
          for (int64_t o = 0; o < s.out_channels; ++o) {
            double values[5] = {}, best = 0;
            for (int p = 0; p < 4; ++p) {
              values[p] = convolve(x, weight, bias, n, 2 * h + p / 2, 2 * w + p % 2, o);
              best = std::fmax(best, values[p]);
            }
            y[y_at(n, h, w, o)] = best;
            gap = std::fmax(gap, best - values[argmax[y_at(n, h, w, o)]]);
          }
    return y;
  }

  static double activate(double x, zt_conv_activation activation) {
    if (activation == zt_relu) return std::fmax(0, x);
    if (activation == zt_gelu) return x / 2 * std::erfc(-x / std::sqrt(2.0));
    if (activation == zt_relu6) return std::fmin(6, std::fmax(0, x));
    if (activation == zt_hardswish) return x * std::fmin(6, std::fmax(0, x + 3)) / 6;
    return activation == zt_silu ? x / (1 + std::exp(-x)) : x;
  }

  // y of any output; empty where it has no pixel.
  Doubles finished(const Floats& x, const Floats& weight, const Floats& bias, const Floats* residual,
                   zt_conv_activation activation, zt_conv_pool pool) const {
    const int64_t height = s.height + 2 * s.padding - 2, width = s.width + 2 * s.padding - 2;
    const int64_t side = pool == zt_no_pool ? 1 : 2;
    Doubles y;
    for (int64_t n = 0; n < s.frames; ++n)
      for (int64_t h = 0; h + side <= height; h += side)
        for (int64_t w = 0; w + side <= width; w += side)
          for (int64_t o = 0; o < s.out_channels; ++o) {
            double best = -HUGE_VAL, sum = 0;
            for (int64_t p = 0; p < side * side; ++p) {
              const int64_t row = h + p / side, col = w + p % side;
              double value = convolve(x, weight, bias, n, row, col, o);
              if (residual != nullptr) value += (*residual)[((n * height + row) * width + col) * s.out_channels + o];
              value = activate(value, activation);
              best = std::fmax(best, value), sum += value;
            }
            y.push_back(pool == zt_average_pool ? sum / 4 : best);
          }
    return y;
  }

  void backward(const Floats& x, const Floats& weight, const Bytes& argmax, const Floats& dy, Doubles& dx,
                Doubles& dweight, Doubles& dbias) const {
    dx.assign(x.size(), 0), dweight.assign(weight.size(), 0), dbias.assign(s.out_channels, 0);
    for (int64_t n = 0; n < s.frames; ++n)
      for (int64_t h = 0; h < rows; ++h)
        for (int64_t w = 0; w < cols; ++w)
          for (int64_t o = 0; o < s.out_channels; ++o) {
            const int p = argmax[y_at(n, h, w, o)];
            if (p == 4) continue;
            const double g = dy[y_at(n, h, w, o)];
            dbias[o] += g;
            for (int64_t kh = 0; kh < 3; ++kh)
              for (int64_t kw = 0; kw < 3; ++kw) {
                const int64_t row = 2 * h + p / 2 + kh - 1, col = 2 * w + p % 2 + kw - 1;
                if (row < 0 || row >= s.height || col < 0 || col >= s.width) continue;
                for (int64_t i = 0; i < s.in_channels; ++i) {
                  const int64_t k = ((o * s.in_channels + i) * 3 + kh) * 3 + kw;
                  dx[x_at(n, row, col, i)] += g * weight[k];
                  dweight[k] += g * x[x_at(n, row, col, i)];
                }
              }
          }
  }

  // The same of the convolution alone, from the gradient of its whole output.
  void whole_backward(const Floats& x, const Floats& weight, const Floats& dy, Doubles& dx, Doubles& dweight,
                      Doubles& dbias) const {
    const int64_t height = s.height + 2 * s.padding - 2, width = s.width + 2 * s.padding - 2;
    dx.assign(x.size(), 0), dweight.assign(weight.size(), 0), dbias.assign(s.out_channels, 0);
    for (int64_t at = 0; at < int64_t(dy.size()); ++at) {
      const int64_t o = at % s.out_channels, pixel = at / s.out_channels;
      const int64_t n = pixel / width / height, h = pixel / width % height, w = pixel % width;
      dbias[o] += dy[at];
      for (int64_t kh = 0; kh < 3; ++kh)
        for (int64_t kw = 0; kw < 3; ++kw) {
          const int64_t row = h + kh - s.padding, col = w + kw - s.padding;
          if (row < 0 || row >= s.height || col < 0 || col >= s.width) continue;
          for (int64_t i = 0; i < s.in_channels; ++i) {
            const int64_t k = ((o * s.in_channels + i) * 3 + kh) * 3 + kw;
            dx[x_at(n, row, col, i)] += double(dy[at]) * weight[k];
            dweight[k] += double(dy[at]) * x[x_at(n, row, col, i)];
          }
        }
    }
  }
};
