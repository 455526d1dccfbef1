// The recurrent layers' kernels against a plain float64 reference, on every instruction set that this machine has.
#include "../cpu/recurrent/recurrent.h"

#include <omp.h>

#include <cstring>
#include <limits>

#include "checks.h"
#include "recurrent_reference.h"

namespace {

double worst_value = 0, worst_gradient = 0;

void check(bool ok, const char* what, const zt_recurrent_shape& s) {
  if (fails(ok))
    std::printf(
        "failed: %s, %s, %s, batch %ld time %ld features %ld hidden %ld lengths %d directions %ld last_only %d\n",
        zt_isa_name(), what, s.cell == zt_cell_gru ? "GRU" : "LSTM", long(s.batch), long(s.time), long(s.features),
        long(s.hidden), s.offsets != nullptr, long(s.directions), s.last_only);
}

// The smallest above 1, where there is one.
int64_t smallest_divisor(int64_t number) {
  for (int64_t divisor = 2; divisor < number; ++divisor)
    if (number % divisor == 0) return divisor;
  return number;
}

// Rows of [channels][pixels] as rows of [pixels][channels].
Floats by_position(const Floats& x, int64_t features, int64_t pixels) {
  const int64_t channels = features / pixels;
  Floats out(x.size());
  for (int64_t i = 0; i < int64_t(x.size()); ++i) {
    const int64_t row = i / features * features, channel = i % features / pixels, position = i % pixels;
    out[row + position * channels + channel] = x[i];
  }
  return out;
}

std::vector<zt_recurrent_weights> pointers(const Layer& l) {
  std::vector<zt_recurrent_weights> out;
  for (int64_t i = 0; i < l.s.directions; ++i) {
    const Weights<Floats>& w = l.weights[i];
    out.push_back({w.w_ih.data(), w.w_hh.data(), w.b_ih.data(), w.b_hh.data(), nullptr});
  }
  return out;
}

struct Result {
  Floats y, inferred, packed, reordered, dx;
  Weights<Floats> gradients[2];

  Result(const Layer& l, int threads, bool with_dx = true) {
    const zt_recurrent_shape& s = l.s;
    const float nan = std::nanf("");
    const auto weights = pointers(l);
    y.assign(l.dy.size(), nan), inferred = y, packed = y, reordered = y, dx.assign(with_dx ? l.x.size() : 0, nan);
    Floats saved(zt_recurrent_saved(&s), nan);
    const Workspace forward(zt_recurrent_forward_workspace(&s, threads));
    zt_recurrent_forward(&s, l.x.data(), weights.data(), y.data(), saved.data(), forward.at, threads);
    const Workspace inference(zt_recurrent_forward_workspace(&s, threads));
    zt_recurrent_forward(&s, l.x.data(), weights.data(), inferred.data(), nullptr, inference.at, threads);
    const auto by_packed = [&](const Floats& x, int64_t pixels, Floats& y) {
      const Workspace first(zt_recurrent_packed(&s)), second(zt_recurrent_packed(&s));
      const Workspace packing(zt_recurrent_pack_workspace(&s, threads));
      auto of = weights;
      for (int64_t i = 0; i < s.directions; ++i) {
        float* const at = (i == 0 ? first : second).at;
        zt_recurrent_pack(&s, of[i].w_ih, of[i].w_hh, pixels, at, packing.at, threads);
        of[i].packed = at, of[i].w_ih = of[i].w_hh = nullptr;
      }
      zt_recurrent_forward(&s, x.data(), of.data(), y.data(), nullptr, inference.at, threads);
    };
    by_packed(l.x, 1, packed);
    const int64_t pixels = smallest_divisor(s.features);
    by_packed(by_position(l.x, s.features, pixels), pixels, reordered);
    std::vector<zt_recurrent_gradients> out;
    for (int64_t i = 0; i < s.directions; ++i) {
      Weights<Floats>& d = gradients[i] = l.weights[i];
      for (Floats* values : {&d.w_ih, &d.w_hh, &d.b_ih, &d.b_hh}) std::fill(values->begin(), values->end(), nan);
      out.push_back({d.w_ih.data(), d.w_hh.data(), d.b_ih.data(), d.b_hh.data()});
    }
    const Workspace backward(zt_recurrent_backward_workspace(&s, threads));
    zt_recurrent_backward(&s, l.x.data(), weights.data(), saved.data(), l.dy.data(), with_dx ? dx.data() : nullptr,
                          out.data(), backward.at, threads);
  }

  bool operator==(const Result& o) const {
    const auto same = [](const Floats& a, const Floats& b) {
      return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * 4) == 0);
    };
    bool equal = same(y, o.y) && same(inferred, o.inferred) && same(packed, o.packed) && same(reordered, o.reordered) &&
                 same(dx, o.dx);
    for (int i = 0; i < 2; ++i) {
      const Weights<Floats>&a = gradients[i], &b = o.gradients[i];
      equal &= same(a.w_ih, b.w_ih) && same(a.w_hh, b.w_hh) && same(a.b_ih, b.b_ih) && same(a.b_hh, b.b_hh);
    }
    return equal;
  }
};

// Clips one by one give what they give together.
void check_alone(const Layer& layer, const Result& together) {
  const zt_recurrent_shape& s = layer.s;
  bool same = true;
  for (int64_t b = 0; b < s.batch; ++b) {
    const int64_t begin = layer.offsets[b], time = layer.offsets[b + 1] - begin;
    if ((s.time > 1) != (time > 1)) continue;  //  a single step leaves out the forget gate: its sums are shorter
    std::mt19937 unused;
    Layer alone({s.cell, 1, time, s.features, s.hidden, nullptr, s.directions, s.last_only}, Clips::full, unused);
    const auto part = [](const Floats& all, int64_t row, int64_t rows, int64_t width) {
      return Floats(all.begin() + row * width, all.begin() + (row + rows) * width);
    };
    const auto output = [&](const Floats& all) {
      return s.last_only ? part(all, b, 1, s.hidden) : part(all, begin, time, layer.outputs());
    };
    alone.x = part(layer.x, begin, time, s.features), alone.dy = output(layer.dy);
    for (int i = 0; i < 2; ++i) alone.weights[i] = layer.weights[i];
    const Result result(alone, 1);
    same &= result.y == output(together.y) && result.reordered == output(together.reordered) &&
            result.dx == part(together.dx, begin, time, s.features);
  }
  check(same, "a clip alone is bit-equal", s);
}

void check_shape(const zt_recurrent_shape& shape, Clips clips, std::mt19937& random) {
  const Layer layer(shape, clips, random);
  const zt_recurrent_shape& s = layer.s;
  const Reference reference(layer);
  const Result result(layer, 2);
  const double value = std::max(
      {error(result.y, reference.y), error(result.inferred, reference.y), error(result.reordered, reference.y)});
  double gradient = error(result.dx, reference.dx), summed = 0;
  for (const double dx : reference.dx) summed += dx * dx;
  summed =
      std::sqrt(summed) / kInputWeights;  //  about the size of the gates' gradients, which the weights' are sums of
  for (int64_t i = 0; i < s.directions; ++i) {
    const Weights<Floats>& d = result.gradients[i];
    const Weights<Doubles>& exact = reference.gradients[i];
    gradient = std::max({gradient, error(d.w_ih, exact.w_ih, summed), error(d.w_hh, exact.w_hh, summed),
                         error(d.b_ih, exact.b_ih, summed), error(d.b_hh, exact.b_hh, summed)});
  }
  check(value <= 1e-6, "outputs", s);
  check(gradient <= 2e-6, "gradients", s);
  if (!(value <= 1e-6) || !(gradient <= 2e-6)) std::printf("  errors %.2g %.2g\n", value, gradient);
  worst_value = std::max(worst_value, value), worst_gradient = std::max(worst_gradient, gradient);
  check(result.packed == result.inferred, "packed weights give the same", s);
  check(result == Result(layer, 2), "two runs are bit-equal", s);
  check(result == Result(layer, 1) && result == Result(layer, s.hidden > 200 ? 7 : 3), "thread counts are bit-equal",
        s);
  check(Result(layer, 2, false).gradients[0].w_ih == result.gradients[0].w_ih, "without dx", s);
  check_alone(layer, result);
}

// One feature, one unit and weights of 1 make the gates functions of x alone: the accuracy of the mathematics. A single
// step saves three gates: input, cell, output.
void check_mathematics() {
  zt_recurrent_shape s{zt_cell_lstm, 4001, 1, 1, 1, nullptr, 1, false};
  std::mt19937 random(1);
  Layer l(s, Clips::full, random);
  for (int64_t i = 0; i < s.batch; ++i) l.x[i] = float(std::pow(10, -6 + 8.2 * (i / 4000.)) * (i % 2 ? 1 : -1));
  Weights<Floats>& of = l.weights[0];
  std::fill(of.w_ih.begin(), of.w_ih.end(), 1.f);
  std::fill(of.b_ih.begin(), of.b_ih.end(), 0.f), std::fill(of.b_hh.begin(), of.b_hh.end(), 0.f);
  Floats y(s.batch), saved(zt_recurrent_saved(&s));
  const Workspace w(zt_recurrent_forward_workspace(&s, 1));
  zt_recurrent_forward(&s, l.x.data(), pointers(l).data(), y.data(), saved.data(), w.at, 1);
  double sigmoid = 0, tanh = 0;
  for (int64_t i = 0; i < s.batch; ++i) {
    const double exact = 1 / (1 + std::exp(-double(l.x[i]))), exact_tanh = std::tanh(double(l.x[i]));
    if (l.x[i] > -87) sigmoid = std::max(sigmoid, std::fabs(saved[i * 3] / exact - 1));
    tanh = std::max(tanh, std::fabs(saved[i * 3 + 1] / exact_tanh - 1));
  }
  std::printf("  %s: relative error of sigmoid %.2g, of tanh %.2g\n", zt_isa_name(), sigmoid, tanh);
  check(sigmoid < 4e-7 && tanh < 4e-7, "sigmoid and tanh", s);

  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float special[] = {inf, -inf, nan, 0.f, -0.f, 1e30f, -1e30f};
  s.batch = 7;
  for (int i = 0; i < 7; ++i) l.x[i] = special[i];
  zt_recurrent_forward(&s, l.x.data(), pointers(l).data(), y.data(), saved.data(), w.at, 1);
  const float* g = saved.data();
  check(g[0] == 1 && g[1] == 1 && std::fabs(y[0] - std::tanh(1.f)) < 1e-6f, "infinity", s);
  check(g[3] < 1e-37f && g[4] == -1, "minus infinity", s);
  check(std::isnan(g[6]) && std::isnan(g[7]) && std::isnan(y[2]), "NaN", s);
  check(g[9] == .5f && g[10] == 0 && g[15] == 1 && g[16] == 1 && g[18] < 1e-37f && g[19] == -1, "zero and large", s);
}

// Numbers below 1.2e-38 count as zero in a kernel, and count again for the caller's own arithmetic.
void check_tiny() {
  std::mt19937 random(3);
  Layer layer({zt_cell_lstm, 4, 6, 40, 24, nullptr, 1, false}, Clips::full, random);
  std::fill(layer.dy.begin(), layer.dy.end(), 1e-39f);
  const Result result(layer, 2);
  const auto is_zero = [](const Floats& all) {
    return std::all_of(all.begin(), all.end(), [](float v) { return v == 0; });
  };
  const Weights<Floats>& d = result.gradients[0];
  check(is_zero(result.dx) && is_zero(d.w_ih) && is_zero(d.b_ih), "tiny gradients are zero", layer.s);
  volatile float tiny = 1e-39f;
  check(tiny * 0.5f > 0, "the caller's tiny numbers count", layer.s);
}

// One clip's NaN or infinity reaches its own output, and no other clip's. An infinite gate is a number again: where
// floats are multiplied as parts, it is NaN.
void check_not_finite() {
  std::mt19937 random(4);
  Layer layer({zt_cell_lstm, 5, 2, 600, 32, nullptr, 1, true}, Clips::full, random);
  const Floats clean = Result(layer, 2).y;
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    layer.x[(2 * 2 + 1) * 600 + 555] = bad;
    const Floats y = Result(layer, 2).y;
    bool alike = true, reached = true;
    for (int64_t i = 0; i < int64_t(y.size()); ++i) {
      if (i / 32 != 2)
        alike &= y[i] == clean[i];
      else
        reached &= std::isnan(bad) || zt_isa() == Isa::amx ? std::isnan(y[i]) : y[i] != clean[i];
    }
    check(alike, "other clips do not see what is not finite", layer.s);
    check(reached, "what is not finite shows", layer.s);
  }
}

// The last panel of units half or whole, few clips and many.
void check_panels(zt_cell cell) {
  std::mt19937 random(5);
  for (int64_t hidden = 1; hidden <= 17; ++hidden)
    for (const int64_t batch : {2, 29}) {
      const Clips clips = hidden % 2 == 0 ? Clips::full : Clips::varied;
      check_shape({cell, batch, 4, 9, hidden, nullptr, 1 + hidden / 2 % 2, false}, clips, random);
    }
  for (const int64_t hidden : {33, 40, 48, 100, 200})
    for (const int64_t batch : {3, 27})
      check_shape({cell, batch, 3, 20, hidden, nullptr, batch == 3 ? 2 : 1, false}, Clips::varied, random);
}

// So many steps that their gradients come span by span, and a W_ih so large that all inputs are projected before.
void check_spans(zt_cell cell) {
  std::mt19937 random(6);
  for (const Clips clips : {Clips::full, Clips::varied})
    for (const int64_t directions : {1, 2}) {
      check_shape({cell, 9, 90, 40, 50, nullptr, directions, false}, clips, random);
      check_shape({cell, 70, 12, 20, 70, nullptr, directions, directions == 1}, clips, random);
      check_shape({cell, 9, 5, 2800, 130, nullptr, directions, false}, clips, random);
    }
}

}  // namespace

int main() {
  //  Batch, time, features, hidden, directions, last_only. Some share a large W_hh between threads.
  struct Sizes {
    int64_t batch, time, features, hidden, directions;
    bool last_only;
  };
  const Sizes sizes[] = {
      {1, 1, 1, 1, 1, false},      {1, 1, 4096, 128, 1, true}, {64, 1, 512, 128, 1, false}, {8, 16, 300, 128, 1, true},
      {4, 16, 257, 128, 2, false}, {3, 5, 1, 7, 1, false},     {5, 4, 33, 12, 2, false},    {2, 3, 17, 130, 1, false},
      {300, 1, 19, 20, 2, false},  {41, 13, 70, 24, 2, false}, {1, 30, 9, 64, 1, true},     {7, 2, 255, 256, 1, false},
      {300, 1, 90, 20, 1, false},  {40, 9, 1100, 33, 1, true}, {3, 4, 70, 260, 2, false},   {27, 5, 40, 300, 1, false},
      {90, 3, 30, 40, 1, false},
  };
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    check_mathematics();
    check_tiny();
    check_not_finite();
    std::mt19937 random(7);
    const auto up_to = [&](int64_t most) { return int64_t(random() % most) + 1; };
    for (const zt_cell cell : {zt_cell_lstm, zt_cell_gru}) {
      for (const Clips clips : {Clips::full, Clips::varied})
        for (const Sizes& s : sizes)
          check_shape({cell, s.batch, s.time, s.features, s.hidden, nullptr, s.directions, s.last_only}, clips, random);
      check_panels(cell);
      check_spans(cell);
      for (int i = 0; i < 60; ++i) {
        const int64_t directions = up_to(2);
        const bool last_only = directions == 1 && random() % 2 == 0;
        check_shape({cell, up_to(20), up_to(9), up_to(90), up_to(70), nullptr, directions, last_only},
                    i % 2 == 0 ? Clips::full : Clips::varied, random);
      }
    }
  }
  std::printf("largest error of values %.2g, of gradients %.2g\n", worst_value, worst_gradient);
  return summary("recurrent");
}
