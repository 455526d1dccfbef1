// A recurrent layer with random numbers, and what it gives: plainly, step by step, in float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "../cpu/recurrent/recurrent.h"
#include "checks.h"

constexpr double kInputWeights = 1.5;  //  the size of a gate's weights of all features

enum class Clips { full, varied };  //  of `time` frames each, or of a random number from 1 to it

// The weights of one direction, or their gradients.
template <typename Values>
struct Weights {
  Values w_ih, w_hh, b_ih, b_hh;
};

struct Layer {
  zt_recurrent_shape s;
  std::vector<int64_t> offsets;
  Floats x, dy;
  Weights<Floats> weights[2];

  Layer(zt_recurrent_shape shape, Clips clips, std::mt19937& random) : s(shape), offsets(1) {
    for (int64_t b = 0; b < s.batch; ++b)
      offsets.push_back(offsets.back() + (clips == Clips::full ? s.time : int64_t(random() % s.time) + 1));
    if (clips == Clips::varied) s.offsets = offsets.data();
    const int64_t rows = offsets.back();
    x = drawn(rows * s.features, random);
    for (int64_t direction = 0; direction < s.directions; ++direction) {
      weights[direction].w_ih = drawn(gates() * s.features, random, kInputWeights / std::sqrt(s.features));
      weights[direction].w_hh = drawn(gates() * s.hidden, random, 1.0 / std::sqrt(s.hidden));
      weights[direction].b_ih = drawn(gates(), random, .3), weights[direction].b_hh = drawn(gates(), random, .3);
    }
    dy = drawn((s.last_only ? s.batch : rows) * outputs(), random);
  }

  Layer(const Layer&) = delete;  //  `s` points into it

  int64_t gates() const { return (s.cell == zt_cell_gru ? 3 : 4) * s.hidden; }
  int64_t outputs() const { return s.directions * s.hidden; }
};

inline double sigma(double v) { return 1 / (1 + std::exp(-v)); }

// One step of one unit: from the parts of its gates that come from x and from h, and their gradients.
struct Cell {
  double x[4], h[4];  //  of each gate, biases included
  double state, before;
  double dx[4], dh[4], d_state, d_before;

  // `state` becomes c of an LSTM; the result is h. `before` is h before the step.
  double forward(bool is_gru) {
    if (is_gru) {
      const double n = std::tanh(x[2] + sigma(x[0] + h[0]) * h[2]), z = sigma(x[1] + h[1]);
      return (1 - z) * n + z * before;
    }
    state = sigma(x[1] + h[1]) * state + sigma(x[0] + h[0]) * std::tanh(x[2] + h[2]);
    return sigma(x[3] + h[3]) * std::tanh(state);
  }

  // From the gradient of the result and, in `d_state`, that of the state after; `state` is that before the step.
  void backward(bool is_gru, double d) {
    d_before = 0;
    if (is_gru) {
      const double r = sigma(x[0] + h[0]), z = sigma(x[1] + h[1]), n = std::tanh(x[2] + r * h[2]);
      dx[2] = d * (1 - z) * (1 - n * n), dh[2] = dx[2] * r;
      dx[0] = dh[0] = dx[2] * h[2] * r * (1 - r);
      dx[1] = dh[1] = d * (before - n) * z * (1 - z);
      d_before = d * z;
      return;
    }
    const double i = sigma(x[0] + h[0]), f = sigma(x[1] + h[1]), g = std::tanh(x[2] + h[2]), o = sigma(x[3] + h[3]);
    const double tanh_c = std::tanh(f * state + i * g);
    const double dc = d_state + d * o * (1 - tanh_c * tanh_c);
    dx[0] = dc * g * i * (1 - i), dx[1] = dc * state * f * (1 - f);
    dx[2] = dc * i * (1 - g * g), dx[3] = d * tanh_c * o * (1 - o);
    for (int gate = 0; gate < 4; ++gate) dh[gate] = dx[gate];
    d_state = dc * f;
  }
};

struct Reference {
  Doubles y, dx;
  Weights<Doubles> gradients[2];

  explicit Reference(const Layer& l) : y(l.dy.size()), dx(l.x.size()) {
    const int64_t F = l.s.features, H = l.s.hidden, G = l.gates();
    for (int64_t direction = 0; direction < l.s.directions; ++direction) {
      gradients[direction] = {Doubles(G * F), Doubles(G * H), Doubles(G), Doubles(G)};
      for (int64_t clip = 0; clip < l.s.batch; ++clip) run(l, direction, clip);
    }
  }

 private:
  void run(const Layer& l, int64_t direction, int64_t clip) {
    const int64_t F = l.s.features, H = l.s.hidden, G = l.gates(), T = l.offsets[clip + 1] - l.offsets[clip];
    const bool is_gru = l.s.cell == zt_cell_gru;
    const Weights<Floats>& w = l.weights[direction];
    Weights<Doubles>& d = gradients[direction];
    std::vector<Doubles> h(T + 1, Doubles(H)), state(T + 1, Doubles(H));
    std::vector<std::vector<Cell>> cells(T, std::vector<Cell>(H));
    const auto row = [&](int64_t step) { return l.offsets[clip] + (direction == 1 ? T - 1 - step : step); };
    const auto output = [&](int64_t step) {
      return !l.s.last_only ? row(step) * l.outputs() + direction * H : step == T - 1 ? clip * H : -1;
    };
    for (int64_t step = 0; step < T; ++step)
      for (int64_t j = 0; j < H; ++j) {
        Cell& cell = cells[step][j];
        for (int64_t g = j; g < G; g += H) {
          double of_x = w.b_ih[g], of_h = w.b_hh[g];
          for (int64_t k = 0; k < F; ++k) of_x += double(w.w_ih[g * F + k]) * l.x[row(step) * F + k];
          for (int64_t k = 0; k < H; ++k) of_h += w.w_hh[g * H + k] * h[step][k];
          cell.x[g / H] = of_x, cell.h[g / H] = of_h;
        }
        cell.state = state[step][j], cell.before = h[step][j];
        h[step + 1][j] = cell.forward(is_gru);
        state[step + 1][j] = cell.state;
        if (output(step) >= 0) y[output(step) + j] = h[step + 1][j];
      }
    Doubles dh(H), d_state(H);
    for (int64_t step = T - 1; step >= 0; --step) {
      Doubles d_before(H);
      for (int64_t j = 0; j < H; ++j) {
        Cell& cell = cells[step][j];
        cell.state = state[step][j], cell.d_state = d_state[j];
        cell.backward(is_gru, dh[j] + (output(step) >= 0 ? l.dy[output(step) + j] : 0));
        d_state[j] = cell.d_state, d_before[j] += cell.d_before;
        for (int64_t g = j; g < G; g += H) {
          const double of_x = cell.dx[g / H], of_h = cell.dh[g / H];
          d.b_ih[g] += of_x, d.b_hh[g] += of_h;
          for (int64_t k = 0; k < F; ++k) {
            d.w_ih[g * F + k] += of_x * l.x[row(step) * F + k];
            dx[row(step) * F + k] += of_x * w.w_ih[g * F + k];
          }
          for (int64_t k = 0; k < H; ++k)
            d.w_hh[g * H + k] += of_h * h[step][k], d_before[k] += of_h * w.w_hh[g * H + k];
        }
      }
      dh = d_before;
    }
  }
};
