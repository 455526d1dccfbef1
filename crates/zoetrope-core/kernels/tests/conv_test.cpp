// The convolution kernels against a plain reference in float64: random shapes, every instruction set of the machine.
// Build and run: `npm run test:kernels`, with `--sanitize` under AddressSanitizer and UBSan.
#include "../cpu/conv/conv.h"

#include <array>
#include <limits>
#include <string>

#include "checks.h"
#include "conv_reference.h"

namespace {

void check(bool ok, const std::string& what) {
  if (fails(ok)) std::printf("FAILED %s\n", what.c_str());
}

std::mt19937 generator(4);

Floats normal(int64_t count, float deviation = 1) { return drawn(count, generator, deviation); }

double worst_value = 0, worst_gradient = 0;

void within(double actual, double bound, double& worst, const std::string& what) {
  worst = std::fmax(worst, actual);
  check(actual <= bound, what + ": error " + std::to_string(actual * 1e6) + "e-6");
}

std::string name_of(const zt_conv_shape& s, const char* kernel, int threads) {
  return std::string(zt_isa_name()) + " " + kernel + " " + std::to_string(s.frames) + " x " + std::to_string(s.height) +
         " x " + std::to_string(s.width) + ", " + std::to_string(s.in_channels) + " to " +
         std::to_string(s.out_channels) + ", threads " + std::to_string(threads);
}

struct Case {
  zt_conv_shape s;
  Reference reference;
  Floats x, weight, bias, dy;
  int64_t outputs;

  explicit Case(const zt_conv_shape& shape) : s(shape), reference(shape) {
    outputs = s.frames * reference.rows * reference.cols * s.out_channels;
    x = normal(s.frames * s.height * s.width * s.in_channels);
    weight = normal(s.out_channels * s.in_channels * 9, 1 / std::sqrt(9.f * s.in_channels));
    bias = normal(s.out_channels, 0.3f), dy = normal(outputs);
  }
};

struct Results {
  Floats y, dx, dweight, dbias;
  Bytes argmax;
  bool operator==(const Results& other) const {
    return y == other.y && dx == other.dx && dweight == other.dweight && dbias == other.dbias && argmax == other.argmax;
  }
};

zt_conv_output block_output(Floats& y, Bytes* argmax) {
  return {y.data(), argmax != nullptr ? argmax->data() : nullptr, nullptr, zt_relu, zt_max_pool};
}

Results run(const Case& c, int threads) {
  Results r{Floats(c.outputs), Floats(c.x.size()), Floats(c.weight.size()), Floats(c.bias.size()), Bytes(c.outputs)};
  {
    const Workspace workspace(zt_conv_forward_workspace(&c.s, threads));
    const zt_conv_output output = block_output(r.y, &r.argmax);
    zt_conv_forward(&c.s, &output, c.x.data(), c.weight.data(), c.bias.data(), nullptr, workspace.at, threads);
  }
  const Workspace workspace(zt_conv_backward_workspace(&c.s, threads));
  zt_conv_backward(&c.s, c.x.data(), c.weight.data(), r.argmax.data(), c.dy.data(), r.dx.data(), r.dweight.data(),
                   r.dbias.data(), workspace.at, threads);
  return r;
}

Results run_first(const Case& c, const Floats& frames, const Bytes& pixels, int threads) {
  Results r{Floats(c.outputs), {}, Floats(c.weight.size()), Floats(c.bias.size()), Bytes(c.outputs)};
  const float* x = pixels.empty() ? frames.data() : nullptr;
  const uint8_t* bytes = pixels.empty() ? nullptr : pixels.data();
  {
    const Workspace workspace(zt_conv_first_forward_workspace(&c.s, threads));
    const zt_conv_output output = block_output(r.y, &r.argmax);
    zt_conv_first_forward(&c.s, &output, x, bytes, c.weight.data(), c.bias.data(), workspace.at, threads);
  }
  const Workspace workspace(zt_conv_first_backward_workspace(&c.s, threads));
  zt_conv_first_backward(&c.s, x, bytes, r.argmax.data(), c.dy.data(), r.dweight.data(), r.dbias.data(), workspace.at,
                         threads);
  return r;
}

// Frames [frames, in_channels, height, width] of a case's.
Floats channels_first(const Case& c) {
  const zt_conv_shape& s = c.s;
  Floats frames(c.x.size());
  for (int64_t n = 0; n < s.frames; ++n)
    for (int64_t h = 0; h < s.height; ++h)
      for (int64_t w = 0; w < s.width; ++w)
        for (int64_t i = 0; i < s.in_channels; ++i)
          frames[((n * s.in_channels + i) * s.height + h) * s.width + w] = c.x[c.reference.x_at(n, h, w, i)];
  return frames;
}

void compare(const Case& c, const Results& r, bool has_dx, const std::string& what) {
  double gap;
  const Doubles y = c.reference.forward(c.x, c.weight, c.bias, r.argmax, gap);
  within(error(r.y, y), 1e-5, worst_value, what + " y");
  check(gap < 1e-4, what + " argmax: its value lies " + std::to_string(gap) + " below the maximum");
  Doubles dx, dweight, dbias;
  c.reference.backward(c.x, c.weight, r.argmax, c.dy, dx, dweight, dbias);
  if (has_dx) within(error(r.dx, dx), 2e-6, worst_gradient, what + " dx");
  within(error(r.dweight, dweight), 2e-6, worst_gradient, what + " dweight");
  within(error(r.dbias, dbias), 1e-5, worst_gradient, what + " dbias");
}

void block(const zt_conv_shape& s, int threads) {
  const Case c(s);
  const std::string what = name_of(s, "conv", threads);
  const Results r = run(c, threads);
  compare(c, r, true, what);
  check(r == run(c, threads), what + ": two runs are bit-equal");
  Floats y(c.outputs);
  const Workspace workspace(zt_conv_forward_workspace(&s, threads));
  const zt_conv_output output = block_output(y, nullptr);
  zt_conv_forward(&s, &output, c.x.data(), c.weight.data(), c.bias.data(), nullptr, workspace.at, threads);
  check(y == r.y, what + ": y is the same without argmax");
  const Workspace packed(zt_conv_packed(&s));
  zt_conv_pack(&s, c.weight.data(), packed.at, workspace.at, threads);
  y.assign(y.size(), std::nanf(""));
  zt_conv_forward(&s, &output, c.x.data(), nullptr, c.bias.data(), packed.at, workspace.at, threads);
  check(y == r.y, what + ": y is the same of packed weights");
}

// Any padding, residual sum, activation and pooling: every combination for each shape.
void finishes(const zt_conv_shape& s, int threads) {
  const Case c(s);
  const int64_t rows = s.height + 2 * s.padding - 2, cols = s.width + 2 * s.padding - 2;
  const Floats residual = normal(s.frames * rows * cols * s.out_channels);
  for (const zt_conv_activation activation : {zt_linear_activation, zt_relu, zt_gelu, zt_silu, zt_relu6, zt_hardswish})
    for (const zt_conv_pool pool : {zt_no_pool, zt_max_pool, zt_average_pool})
      for (const bool sums : {false, true}) {
        const Doubles expected =
            c.reference.finished(c.x, c.weight, c.bias, sums ? &residual : nullptr, activation, pool);
        if (expected.empty()) continue;
        Floats y(expected.size(), std::nanf(""));
        const zt_conv_output output = {y.data(), nullptr, sums ? residual.data() : nullptr, activation, pool};
        const Workspace workspace(zt_conv_forward_workspace(&s, threads));
        zt_conv_forward(&s, &output, c.x.data(), c.weight.data(), c.bias.data(), nullptr, workspace.at, threads);
        const std::string what = name_of(s, "conv", threads) + ", padding " + std::to_string(s.padding) +
                                 ", activation " + std::to_string(activation) + ", pooling " + std::to_string(pool) +
                                 (sums ? ", sum" : "");
        within(error(y, expected), 1e-5, worst_value, what);
        if (s.in_channels > 4 || s.padding != 1) continue;
        const Floats frames = channels_first(c);
        y.assign(y.size(), std::nanf(""));
        const Workspace first(zt_conv_first_forward_workspace(&s, threads));
        zt_conv_first_forward(&s, &output, frames.data(), nullptr, c.weight.data(), c.bias.data(), first.at, threads);
        within(error(y, expected), 1e-5, worst_value, "first: " + what);
      }
}

// The gradients of the convolution alone.
void whole(const zt_conv_shape& s, int threads) {
  const Case c(s);
  const int64_t rows = s.height + 2 * s.padding - 2, cols = s.width + 2 * s.padding - 2;
  const Floats dy = normal(s.frames * rows * cols * s.out_channels);
  Doubles dx, dweight, dbias;
  c.reference.whole_backward(c.x, c.weight, dy, dx, dweight, dbias);
  const std::string what = name_of(s, "whole", threads) + ", padding " + std::to_string(s.padding);
  const auto gradients = [&](const auto& compute, size_t workspace_size) {
    Floats actual(c.weight.size() + s.out_channels, std::nanf(""));
    const Workspace workspace(workspace_size);
    compute(actual.data(), actual.data() + c.weight.size(), workspace.at);
    return actual;
  };
  const auto expect = [&](const std::string& kernel, const auto& compute, size_t workspace_size) {
    const Floats actual = gradients(compute, workspace_size);
    const auto bias = actual.begin() + c.weight.size();
    within(error(Floats(actual.begin(), bias), dweight), 1e-5, worst_gradient, kernel + what + ", dweight");
    within(error(Floats(bias, actual.end()), dbias), 1e-5, worst_gradient, kernel + what + ", dbias");
    check(actual == gradients(compute, workspace_size), kernel + what + ": two runs are bit-equal");
  };
  expect(
      "",
      [&](float* dw, float* db, float* workspace) {
        zt_conv_weight_gradient(&s, c.x.data(), dy.data(), dw, db, workspace, threads);
      },
      zt_conv_weight_gradient_workspace(&s, threads));
  Floats rotated(c.weight.size()), back(c.x.size()), none(s.in_channels);
  zt_conv_rotate(&s, c.weight.data(), rotated.data());
  const zt_conv_shape transposed = {s.frames, rows, cols, s.out_channels, s.in_channels, 2 - s.padding};
  const zt_conv_output output = {back.data(), nullptr, nullptr, zt_linear_activation, zt_no_pool};
  const Workspace workspace(zt_conv_forward_workspace(&transposed, threads));
  zt_conv_forward(&transposed, &output, dy.data(), rotated.data(), none.data(), nullptr, workspace.at, threads);
  within(error(back, dx), 1e-5, worst_gradient, what + ", dx");
  if (s.in_channels > 4 || s.padding != 1) return;
  const Floats frames = channels_first(c);
  expect(
      "first: ",
      [&](float* dw, float* db, float* workspace) {
        zt_conv_first_weight_gradient(&s, frames.data(), nullptr, dy.data(), dw, db, workspace, threads);
      },
      zt_conv_first_weight_gradient_workspace(&s, threads));
}

void first_block(const zt_conv_shape& s, bool bytes, int threads) {
  Case c(s);
  Bytes pixels;
  Floats frames(c.x.size());
  if (bytes) {
    pixels.resize(c.x.size());
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(generator());
  }
  for (int64_t n = 0; n < s.frames; ++n)
    for (int64_t h = 0; h < s.height; ++h)
      for (int64_t w = 0; w < s.width; ++w)
        for (int64_t i = 0; i < s.in_channels; ++i) {
          const int64_t nchw = ((n * s.in_channels + i) * s.height + h) * s.width + w;
          float& value = c.x[c.reference.x_at(n, h, w, i)];
          if (bytes) value = static_cast<float>(pixels[nchw]) / 255.f;
          frames[nchw] = value;
        }
  const std::string what = name_of(s, bytes ? "first (bytes)" : "first", threads);
  const Results r = run_first(c, frames, pixels, threads);
  compare(c, r, false, what);
  check(r == run_first(c, frames, pixels, threads), what + ": two runs are bit-equal");
}

// A NaN among a window's inputs makes its outputs NaN, with an argmax that lets the gradient pass; other frames stay.
void not_a_number(const zt_conv_shape& s, int64_t row, int64_t col) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  Case c(s);
  const auto expect_nan = [&](const Results& r, const char* block) {
    bool marked = true, alone = true;
    for (int64_t n = 0; n < s.frames; ++n)
      for (int64_t h = 0; h < c.reference.rows; ++h)
        for (int64_t w = 0; w < c.reference.cols; ++w)
          for (int64_t o = 0; o < s.out_channels; ++o) {
            const int64_t at = c.reference.y_at(n, h, w, o);
            const bool near = n == 0 && std::abs(2 * h + 0.5 - row) < 2 && std::abs(2 * w + 0.5 - col) < 2;
            if (near) marked = marked && std::isnan(r.y[at]) && r.argmax[at] < 4;
            if (n != 0) alone = alone && !std::isnan(r.y[at]);
          }
    check(marked, name_of(s, block, 1) + ": the windows of a NaN are NaN");
    check(alone, name_of(s, block, 1) + ": other frames are not");
  };
  c.x[c.reference.x_at(0, row, col, 0)] = kNan;
  expect_nan(run(c, 1), "block");
  if (s.in_channels > 4) return;
  Floats frames(c.x.size(), 0.5f);
  frames[row * s.width + col] = kNan;
  expect_nan(run_first(c, frames, {}, 1), "first block");
}

// An infinite input does not vanish: y has an infinity or a NaN somewhere near it.
void infinity(const zt_conv_shape& s, int64_t row, int64_t col) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto shows = [](const Results& r) {
    return std::any_of(r.y.begin(), r.y.end(), [](float y) { return !std::isfinite(y); });
  };
  Case c(s);
  c.x[c.reference.x_at(0, row, col, 0)] = kInfinity;
  Floats frames(c.x.size(), 0.5f);
  frames[row * s.width + col] = kInfinity;
  check(shows(run(c, 1)) && shows(run_first(c, frames, {}, 1)), name_of(s, "conv", 1) + ": an infinity shows");
}

// The first of equal maxima wins; a gradient of a window that ReLU cut is dropped, even if it is NaN.
void ties_and_cuts() {
  Case c({1, 6, 6, 1, 2});
  std::fill(c.x.begin(), c.x.end(), 1.f);
  std::fill(c.weight.begin(), c.weight.end(), 0.f);
  c.weight[4] = 1, c.weight[9 + 4] = -1, c.bias = {0, 0};
  std::fill(c.dy.begin(), c.dy.end(), 1.f);
  for (size_t i = 1; i < c.dy.size(); i += 2) c.dy[i] = std::numeric_limits<float>::quiet_NaN();
  const Results block = run(c, 1), first = run_first(c, c.x, {}, 1);
  for (const Results* r : {&block, &first}) {
    bool right = true;
    for (int64_t i = 0; i < c.outputs; i += 2)
      right = right && r->argmax[i] == 0 && r->argmax[i + 1] == 4 && r->y[i] > 0.999f && r->y[i + 1] == 0;
    check(right, "the first of equals wins, what ReLU cuts is 4");
    check(r->dbias == Floats{9, 0}, "what ReLU cut has no gradient");
  }
  check(block.dx[0] == 1 && block.dx[1] == 0, "dx reaches the first of equals only");
}

void transposes() {
  for (const auto& [frames, positions, channels] :
       {std::array<int64_t, 3>{3, 64, 32}, {1, 1, 1}, {2, 49, 33}, {5, 3, 17}}) {
    const Floats in = normal(frames * positions * channels);
    Floats out(in.size()), back(in.size());
    zt_channels_first(in.data(), out.data(), frames, positions, channels, 2);
    zt_channels_last(out.data(), back.data(), frames, positions, channels, 2);
    bool right = back == in;
    for (int64_t f = 0; f < frames; ++f)
      for (int64_t p = 0; p < positions; ++p)
        for (int64_t c = 0; c < channels; ++c)
          right = right && out[(f * channels + c) * positions + p] == in[(f * positions + p) * channels + c];
    check(right, "channels first and back");
  }
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    for (const zt_conv_shape& s : std::initializer_list<zt_conv_shape>{{1, 2, 2, 1, 1},
                                                                       {1, 3, 3, 1, 1},
                                                                       {2, 2, 3, 5, 7},
                                                                       {1, 4, 4, 8, 16},
                                                                       {3, 7, 9, 3, 10},
                                                                       {2, 16, 16, 32, 64},
                                                                       {5, 8, 8, 16, 33},
                                                                       {1, 28, 28, 13, 32},
                                                                       {40, 4, 4, 9, 12},
                                                                       {2, 11, 5, 17, 70},
                                                                       {1, 10, 6, 32, 140},
                                                                       {1, 6, 70, 2, 3},
                                                                       {1, 70, 6, 20, 2},
                                                                       {130, 2, 2, 3, 4}})
      for (const int threads : {1, 2, 3}) block(s, threads);
    for (const zt_conv_shape& s : std::initializer_list<zt_conv_shape>{{1, 2, 2, 1, 1},
                                                                       {2, 3, 3, 2, 5},
                                                                       {2, 32, 32, 3, 32},
                                                                       {3, 9, 7, 4, 20},
                                                                       {1, 28, 28, 1, 16},
                                                                       {3, 17, 33, 2, 40},
                                                                       {1, 5, 150, 3, 9},
                                                                       {70, 2, 2, 4, 3},
                                                                       {20, 6, 4, 1, 70}})
      for (const int threads : {1, 2, 3})
        for (const bool bytes : {false, true}) first_block(s, bytes, threads);
    for (const zt_conv_shape& s : std::initializer_list<zt_conv_shape>{{1, 3, 3, 1, 1, 0},
                                                                       {1, 1, 1, 2, 3, 1},
                                                                       {2, 1, 5, 3, 5, 1},
                                                                       {2, 9, 7, 33, 20, 0},
                                                                       {3, 8, 8, 4, 40, 1},
                                                                       {1, 5, 11, 24, 33, 2},
                                                                       {2, 10, 6, 48, 17, 1}})
      for (const int threads : {1, 2}) finishes(s, threads);
    for (const zt_conv_shape& s : std::initializer_list<zt_conv_shape>{{1, 3, 3, 1, 1, 0},
                                                                       {1, 1, 1, 2, 3, 1},
                                                                       {2, 1, 5, 3, 5, 2},
                                                                       {2, 9, 7, 33, 20, 0},
                                                                       {3, 8, 8, 4, 40, 1},
                                                                       {1, 150, 6, 2, 9, 1},
                                                                       {1, 4, 600, 3, 4, 1},
                                                                       {40, 16, 12, 12, 33, 1},
                                                                       {1, 5, 11, 24, 70, 2},
                                                                       {2, 10, 6, 130, 17, 1}})
      for (const int threads : {1, 2, 5}) whole(s, threads);
    std::uniform_int_distribution<int64_t> size(2, 21), channels(1, 40), few(1, 4), frames(1, 4);
    for (int i = 0; i < 20; ++i) {
      block({frames(generator), size(generator), size(generator), channels(generator), channels(generator)}, 2);
      first_block({frames(generator), size(generator), size(generator), few(generator), channels(generator)}, i % 2, 2);
    }
    for (int64_t row = 0; row < 8; ++row)
      for (int64_t col = 0; col < 8; ++col)
        not_a_number({2, 8, 8, 3, 9}, row, col), infinity({2, 8, 8, 3, 9}, row, col);
    ties_and_cuts();
    transposes();
    std::printf("%s: largest error of values %.1e, of gradients %.1e\n", zt_isa_name(), worst_value, worst_gradient);
  }
  return summary("conv");
}
