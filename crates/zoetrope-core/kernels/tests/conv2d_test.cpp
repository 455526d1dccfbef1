// The convolution of frames against a plain float64 reference, on every instruction set that the machine has.
#include "../cpu/conv2d/conv2d.h"

#include "checks.h"
#include "conv_reference.h"

namespace {

void check(bool ok, const char* what, const zt_conv2d_shape& s) {
  if (fails(ok))
    std::printf(
        "failed on %s: %s, %ld frames of %ld x %ld, %ld -> %ld, kernel %ld, stride %ld, padding %ld, dilation %ld\n",
        zt_isa_name(), what, long(s.frames), long(s.height), long(s.width), long(s.in_channels), long(s.out_channels),
        long(s.kernel), long(s.stride), long(s.padding), long(s.dilation));
}

int64_t output_of(const zt_conv2d_shape& s, int64_t size) {
  return (size + 2 * s.padding - (s.kernel - 1) * s.dilation - 1) / s.stride + 1;
}

struct Problem {
  zt_conv2d_shape s;
  int64_t rows, columns;
  zt_conv_activation activation;
  Floats x, weight, bias, dy, residual, made;  //  made: by ReLU

  Problem(const zt_conv2d_shape& shape, std::mt19937& random)
      : s(shape), rows(output_of(s, s.height)), columns(output_of(s, s.width)) {
    activation = static_cast<zt_conv_activation>(random() % 6);
    const int64_t taps = s.kernel * s.kernel, pixels = s.frames * rows * columns;
    x = drawn(s.frames * s.height * s.width * s.in_channels, random);
    weight = drawn(s.out_channels * s.in_channels * taps, random, 1 / std::sqrt(s.in_channels * taps));
    bias = drawn(s.out_channels, random, .3), dy = drawn(pixels * s.out_channels, random);
    if (random() % 2 == 0) residual = drawn(pixels * s.out_channels, random);
    if (random() % 2 == 0) made = drawn(pixels * s.out_channels, random), s.relu = true;
    for (float& value : made) value = value > 0 ? value : 0;
  }
};

Floats outputs(const Problem& p, int threads, bool packs) {
  Floats y(p.dy.size(), NAN);
  const Workspace forward(zt_conv2d_forward_workspace(&p.s, threads));
  const Workspace packed(packs ? zt_conv2d_packed(&p.s) : 0);
  if (packs) zt_conv2d_pack(&p.s, p.weight.data(), packed.at, threads);
  const zt_conv_output output = {y.data(), nullptr, p.residual.empty() ? nullptr : p.residual.data(), p.activation,
                                 zt_no_pool};
  zt_conv2d_forward(&p.s, &output, p.x.data(), packs ? nullptr : p.weight.data(), p.bias.data(),
                    packs ? packed.at : nullptr, forward.at, threads);
  return y;
}

struct Result {
  Floats y, dx, dweight, dbias;

  Result(const Problem& p, int threads, bool packs)
      : y(outputs(p, threads, packs)), dx(p.x.size(), NAN), dweight(p.weight.size(), NAN), dbias(p.bias.size(), NAN) {
    const Workspace backward(zt_conv2d_backward_workspace(&p.s, threads));
    zt_conv2d_backward(&p.s, p.x.data(), p.weight.data(), p.made.empty() ? nullptr : p.made.data(), p.dy.data(),
                       dx.data(), dweight.data(), dbias.data(), backward.at, threads);
  }

  bool operator==(const Result& o) const { return y == o.y && dx == o.dx && dweight == o.dweight && dbias == o.dbias; }
};

// The same with the gradients that ReLU lets pass.
Problem passed(Problem problem) {
  for (size_t i = 0; i < problem.made.size(); ++i) problem.dy[i] = problem.made[i] > 0 ? problem.dy[i] : 0;
  problem.made.clear(), problem.s.relu = false;
  return problem;
}

struct Plain {
  Doubles y, dx, dweight, dbias;

  explicit Plain(const Problem& p) : y(p.dy.size()), dx(p.x.size()), dweight(p.weight.size()), dbias(p.bias.size()) {
    const zt_conv2d_shape& s = p.s;
    for (int64_t pixel = 0; pixel < s.frames * p.rows * p.columns; ++pixel)
      for (int64_t o = 0; o < s.out_channels; ++o) {
        const int64_t frame = pixel / p.columns / p.rows, at = pixel * s.out_channels + o;
        double sum = p.bias[o];
        dbias[o] += p.dy[at];
        for (int64_t tap = 0; tap < s.kernel * s.kernel; ++tap) {
          const int64_t row = pixel / p.columns % p.rows * s.stride - s.padding + tap / s.kernel * s.dilation;
          const int64_t column = pixel % p.columns * s.stride - s.padding + tap % s.kernel * s.dilation;
          if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
          for (int64_t c = 0; c < s.in_channels; ++c) {
            const int64_t w = (o * s.in_channels + c) * s.kernel * s.kernel + tap;
            const int64_t i = ((frame * s.height + row) * s.width + column) * s.in_channels + c;
            sum += double(p.weight[w]) * p.x[i];
            dweight[w] += double(p.dy[at]) * p.x[i], dx[i] += double(p.dy[at]) * p.weight[w];
          }
        }
        y[at] = Reference::activate(sum + (p.residual.empty() ? 0 : p.residual[at]), p.activation);
      }
  }
};

// The outputs where each channel's pixels lie together.
Floats outputs_of_planes(const Problem& problem) {
  Problem apart = problem;
  apart.s.planes = true;
  const int64_t channels = apart.s.in_channels, pixels = apart.s.height * apart.s.width;
  for (int64_t i = 0; i < int64_t(apart.x.size()); ++i) {
    const int64_t frame = i / (channels * pixels), channel = i / pixels % channels, pixel = i % pixels;
    apart.x[i] = problem.x[(frame * pixels + pixel) * channels + channel];
  }
  return outputs(apart, 2, true);
}

void check_shape(const zt_conv2d_shape& shape, std::mt19937& random) {
  if (output_of(shape, shape.height) < 1 || output_of(shape, shape.width) < 1) return;
  if (shape.height + 2 * shape.padding < (shape.kernel - 1) * shape.dilation + 1) return;
  if (shape.width + 2 * shape.padding < (shape.kernel - 1) * shape.dilation + 1) return;
  const Problem problem(shape, random);
  const Result result(problem, 2, false);
  const Problem open = passed(problem);
  const Plain plain(open);
  check(error(result.y, plain.y) <= 1e-6, "outputs", shape);
  check(error(result.dx, plain.dx) <= 2e-6, "gradient of frames", shape);
  check(error(result.dweight, plain.dweight) <= 2e-6, "gradient of weights", shape);
  check(error(result.dbias, plain.dbias, std::sqrt(double(problem.dy.size()))) <= 2e-6, "gradient of the bias", shape);
  check(result == Result(problem, 1, true) && result == Result(problem, 5, false), "thread counts are bit-equal",
        shape);
  check(result == Result(open, 2, false), "ReLU lets gradients pass as if the others were zero", shape);
  check(result.y == outputs_of_planes(problem), "channels that lie apart give the same", shape);
}

// The values of a frame do not depend on the frames beside it.
void check_alone(const zt_conv2d_shape& shape, std::mt19937& random) {
  const Problem problem(shape, random);
  Problem alone = problem;
  alone.s.frames = 1;
  const int64_t last = shape.frames - 1;
  const auto keep_last = [&](Floats& values) {
    const int64_t each = int64_t(values.size()) / shape.frames;
    values.assign(values.begin() + last * each, values.end());
  };
  keep_last(alone.x), keep_last(alone.dy);
  if (!alone.made.empty()) keep_last(alone.made);
  if (!alone.residual.empty()) keep_last(alone.residual);
  Result all(problem, 2, false);
  const Result one(alone, 3, true);
  keep_last(all.y), keep_last(all.dx);
  check(all.y == one.y && all.dx == one.dx, "a frame alone is bit-equal", shape);
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    std::mt19937 random(0);
    const auto up_to = [&](int64_t most) { return int64_t(random() % most) + 1; };
    for (int i = 0; i < 150; ++i) {
      const int64_t kernel = up_to(i % 3 == 0 ? 8 : 4), stride = up_to(i % 4 == 0 ? 6 : 3), padding = up_to(4) - 1;
      const int64_t in = i % 2 == 0 ? up_to(5) : up_to(40);
      check_shape({up_to(5), up_to(20), up_to(20), in, up_to(50), kernel, stride, padding, up_to(3)}, random);
    }
    check_shape({3, 30, 31, 4, 32, 8, 4, 0, 1}, random);
    check_shape({2, 9, 9, 160, 70, 3, 2, 1, 1}, random);
    check_shape({2, 9, 7, 130, 300, 1, 1, 0, 1}, random);
    check_shape({2, 16, 16, 64, 96, 1, 2, 0, 1}, random);
    check_shape({2, 60, 60, 3, 64, 7, 2, 3, 1}, random);
    check_shape({1, 3, 2, 40, 33, 7, 1, 3, 1}, random);
    check_shape({70, 4, 4, 33, 40, 4, 1, 0, 1}, random);
    check_alone({4, 15, 15, 48, 64, 3, 2, 1, 1}, random);
    check_alone({9, 5, 5, 96, 64, 5, 1, 2, 1}, random);
  }
  return summary("conv2d");
}
