// An LSTM layer with random numbers, and what it gives: plainly, step by step, in float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "../cpu/lstm/lstm.h"

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

enum class Clips { full, varied };  //  of `time` frames each, or of a random number from 1 to it

struct Layer {
  zt_lstm_shape s;
  std::vector<int64_t> offsets;
  Floats x, w_ih, w_hh, b_ih, b_hh, dy;

  Layer(zt_lstm_shape shape, Clips clips, std::mt19937& random) : s(shape), offsets(1) {
    for (int64_t b = 0; b < s.batch; ++b)
      offsets.push_back(offsets.back() + (clips == Clips::full ? s.time : int64_t(random() % s.time) + 1));
    if (clips == Clips::varied) s.offsets = offsets.data();
    const int64_t rows = offsets.back();
    std::normal_distribution<float> normal;
    const auto draw = [&](int64_t count, double scale) {
      Floats out(count);
      for (float& v : out) v = float(normal(random) * scale);
      return out;
    };
    x = draw(rows * s.features, 1);
    w_ih = draw(4 * s.hidden * s.features, 1.5 / std::sqrt(s.features));
    w_hh = draw(4 * s.hidden * s.hidden, 1.0 / std::sqrt(s.hidden));
    b_ih = draw(4 * s.hidden, .3), b_hh = draw(4 * s.hidden, .3);
    dy = draw((s.last_only ? s.batch : rows) * s.hidden, 1);
  }

  Layer(const Layer&) = delete;  //  `s` points into it
};

struct Reference {
  Doubles y, dx, dw_ih, dw_hh, db;

  explicit Reference(const Layer& l) {
    const int64_t B = l.s.batch, F = l.s.features, H = l.s.hidden;
    const auto sigma = [](double v) { return 1 / (1 + std::exp(-v)); };
    y.assign(l.dy.size(), 0);
    dx.assign(l.x.size(), 0), dw_ih.assign(4 * H * F, 0), dw_hh.assign(4 * H * H, 0), db.assign(4 * H, 0);
    for (int64_t b = 0; b < B; ++b) {
      const int64_t T = l.offsets[b + 1] - l.offsets[b];
      std::vector<Doubles> h(T + 1, Doubles(H)), c(T + 1, Doubles(H)), gates(T, Doubles(4 * H));
      const auto row = [&](int64_t step) { return l.offsets[b] + (l.s.reverse ? T - 1 - step : step); };
      const auto output = [&](int64_t step) { return !l.s.last_only ? row(step) : step == T - 1 ? b : -1; };
      for (int64_t step = 0; step < T; ++step) {
        const float* x = &l.x[row(step) * F];
        for (int64_t g = 0; g < 4 * H; ++g) {
          double sum = double(l.b_ih[g]) + l.b_hh[g];
          for (int64_t k = 0; k < F; ++k) sum += double(l.w_ih[g * F + k]) * x[k];
          for (int64_t k = 0; k < H; ++k) sum += l.w_hh[g * H + k] * h[step][k];
          gates[step][g] = g / H == 2 ? std::tanh(sum) : sigma(sum);
        }
        for (int64_t j = 0; j < H; ++j) {
          const double* g = gates[step].data() + j;
          c[step + 1][j] = g[H] * c[step][j] + g[0] * g[2 * H];
          h[step + 1][j] = g[3 * H] * std::tanh(c[step + 1][j]);
          if (output(step) >= 0) y[output(step) * H + j] = h[step + 1][j];
        }
      }
      Doubles dh(H), dc(H), d(4 * H);
      for (int64_t step = T - 1; step >= 0; --step) {
        for (int64_t j = 0; j < H; ++j) {
          if (output(step) >= 0) dh[j] += l.dy[output(step) * H + j];
          const double* g = gates[step].data() + j;
          const double tanh_c = std::tanh(c[step + 1][j]);
          dc[j] += dh[j] * g[3 * H] * (1 - tanh_c * tanh_c);
          d[j] = dc[j] * g[2 * H] * g[0] * (1 - g[0]);
          d[H + j] = dc[j] * c[step][j] * g[H] * (1 - g[H]);
          d[2 * H + j] = dc[j] * g[0] * (1 - g[2 * H] * g[2 * H]);
          d[3 * H + j] = dh[j] * tanh_c * g[3 * H] * (1 - g[3 * H]);
          dc[j] *= g[H];
        }
        std::fill(dh.begin(), dh.end(), 0);
        for (int64_t g = 0; g < 4 * H; ++g) {
          db[g] += d[g];
          for (int64_t k = 0; k < F; ++k) {
            dw_ih[g * F + k] += d[g] * l.x[row(step) * F + k];
            dx[row(step) * F + k] += d[g] * l.w_ih[g * F + k];
          }
          for (int64_t k = 0; k < H; ++k) dw_hh[g * H + k] += d[g] * h[step][k], dh[k] += d[g] * l.w_hh[g * H + k];
        }
      }
    }
  }
};
