// The depthwise convolution against a plain float64 reference, on every instruction set that the machine has.
#include "../cpu/depthwise/depthwise.h"

#include "checks.h"
#include "conv_reference.h"

namespace {

void check(bool ok, const char* what, const zt_depthwise_shape& s) {
  if (fails(ok))
    std::printf(
        "failed on %s: %s, %ld frames of %ld x %ld x %ld, kernel %ld x %ld, stride %ld, padding %ld and %ld, dilation "
        "%ld, lengths %d\n",
        zt_isa_name(), what, long(s.frames), long(s.height), long(s.width), long(s.channels), long(s.kernel_height),
        long(s.kernel_width), long(s.stride), long(s.padding_above), long(s.padding_beside), long(s.dilation),
        s.offsets != nullptr);
}

int64_t output_of(const zt_depthwise_shape& s, int64_t size, int64_t kernel, int64_t padding) {
  const int64_t room = size + 2 * padding - (kernel - 1) * s.dilation - 1;
  return room < 0 ? 0 : room / s.stride + 1;
}

struct Problem {
  zt_depthwise_shape s;
  int64_t rows, columns;
  zt_conv_activation activation;
  std::vector<int64_t> offsets;
  Floats x, weight, bias, dy, residual;

  Problem(const zt_depthwise_shape& shape, bool varied, std::mt19937& random)
      : s(shape),
        rows(output_of(s, s.height, s.kernel_height, s.padding_above)),
        columns(output_of(s, s.width, s.kernel_width, s.padding_beside)),
        activation(static_cast<zt_conv_activation>(random() % 6)),
        offsets(1) {
    for (int64_t i = 0; varied && i < s.frames; ++i)
      offsets.push_back(offsets.back() + int64_t(random() % s.width) + 1);
    if (varied) s.offsets = offsets.data();
    const int64_t taps = s.kernel_height * s.kernel_width;
    const int64_t in = varied ? offsets.back() : s.frames * s.height * s.width;
    const int64_t out = varied ? offsets.back() : s.frames * rows * columns;
    x = drawn(in * s.channels, random), weight = drawn(s.channels * taps, random, 1 / std::sqrt(taps));
    bias = drawn(s.channels, random, .3), dy = drawn(out * s.channels, random);
    if (random() % 2 == 0) residual = drawn(out * s.channels, random);
  }

  Problem(const Problem&) = delete;  //  `s` points into it
};

struct Result {
  Floats y, dx, dweight, dbias;

  Result(const Problem& p, int threads)
      : y(p.dy.size(), NAN), dx(p.x.size(), NAN), dweight(p.weight.size(), NAN), dbias(p.bias.size(), NAN) {
    const Workspace packed(zt_depthwise_packed(&p.s));
    zt_depthwise_pack(&p.s, p.weight.data(), packed.at);
    const zt_conv_output output = {y.data(), nullptr, p.residual.empty() ? nullptr : p.residual.data(), p.activation,
                                   zt_no_pool};
    zt_depthwise_forward(&p.s, &output, p.x.data(), packed.at, p.bias.data(), threads);
    const Workspace backward(zt_depthwise_backward_workspace(&p.s));
    zt_depthwise_backward(&p.s, p.x.data(), packed.at, p.dy.data(), dx.data(), dweight.data(), dbias.data(),
                          backward.at, threads);
  }

  bool operator==(const Result& o) const { return y == o.y && dx == o.dx && dweight == o.dweight && dbias == o.dbias; }
};

struct Plain {
  Doubles y, dx, dweight, dbias;

  explicit Plain(const Problem& p) : y(p.dy.size()), dx(p.x.size()), dweight(p.weight.size()), dbias(p.bias.size()) {
    const zt_depthwise_shape& s = p.s;
    for (int64_t frame = 0; frame < s.frames; ++frame) {
      const int64_t x = s.offsets ? s.offsets[frame] : frame * s.height * s.width;
      const int64_t width = s.offsets ? s.offsets[frame + 1] - x : s.width, columns = s.offsets ? width : p.columns;
      const int64_t to = s.offsets ? x : frame * p.rows * p.columns;
      for (int64_t pixel = 0; pixel < p.rows * columns; ++pixel)
        for (int64_t c = 0; c < s.channels; ++c) {
          const int64_t at = (to + pixel) * s.channels + c;
          double sum = p.bias[c];
          dbias[c] += p.dy[at];
          for (int64_t tap = 0; tap < s.kernel_height * s.kernel_width; ++tap) {
            const int64_t row = pixel / columns * s.stride - s.padding_above + tap / s.kernel_width * s.dilation;
            const int64_t column = pixel % columns * s.stride - s.padding_beside + tap % s.kernel_width * s.dilation;
            if (row < 0 || row >= s.height || column < 0 || column >= width) continue;
            const int64_t i = (x + row * width + column) * s.channels + c;
            const int64_t w = c * s.kernel_height * s.kernel_width + tap;
            sum += double(p.weight[w]) * p.x[i];
            dweight[w] += double(p.dy[at]) * p.x[i], dx[i] += double(p.dy[at]) * p.weight[w];
          }
          y[at] = Reference::activate(sum + (p.residual.empty() ? 0 : p.residual[at]), p.activation);
        }
    }
  }
};

void check_shape(const zt_depthwise_shape& shape, bool varied, std::mt19937& random) {
  if (output_of(shape, shape.height, shape.kernel_height, shape.padding_above) < 1) return;
  if (output_of(shape, shape.width, shape.kernel_width, shape.padding_beside) < 1) return;
  const Problem problem(shape, varied, random);
  const Result result(problem, 2);
  const Plain plain(problem);
  check(error(result.y, plain.y) <= 1e-6, "outputs", problem.s);
  check(error(result.dx, plain.dx) <= 2e-6, "gradient of frames", problem.s);
  check(error(result.dweight, plain.dweight) <= 2e-6, "gradient of weights", problem.s);
  check(error(result.dbias, plain.dbias) <= 2e-6, "gradient of the bias", problem.s);
  check(result == Result(problem, 1) && result == Result(problem, 5), "thread counts are bit-equal", problem.s);
}

// The values of a frame do not depend on the frames beside it.
void check_alone(const zt_depthwise_shape& shape, std::mt19937& random) {
  const Problem problem(shape, false, random);
  zt_depthwise_shape one = shape;
  one.frames = 1;
  Problem alone(one, false, random);
  const auto last = [&](const Floats& values) {
    return Floats(values.end() - int64_t(values.size()) / shape.frames, values.end());
  };
  alone.x = last(problem.x), alone.dy = last(problem.dy), alone.weight = problem.weight, alone.bias = problem.bias;
  alone.residual = last(problem.residual), alone.activation = problem.activation;
  const Result all(problem, 2), result(alone, 3);
  check(last(all.y) == result.y && last(all.dx) == result.dx, "a frame alone is bit-equal", shape);
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    std::mt19937 random(0);
    const auto up_to = [&](int64_t most) { return int64_t(random() % most) + 1; };
    for (int i = 0; i < 200; ++i) {
      const int64_t kernel = up_to(i % 3 == 0 ? 12 : 5), stride = up_to(i % 4 == 0 ? 6 : 3), padding = up_to(6) - 1;
      check_shape({up_to(5), up_to(20), up_to(i % 5 == 0 ? 40 : 20), up_to(90), kernel, kernel, padding, padding,
                   stride, up_to(3), nullptr},
                  false, random);
    }
    for (int i = 0; i < 80; ++i) {
      const int64_t taps = 2 * up_to(5) - 1, dilation = up_to(3);
      check_shape(
          {up_to(9), 1, up_to(i % 5 == 0 ? 300 : 40), up_to(90), 1, taps, 0, taps / 2 * dilation, 1, dilation, nullptr},
          i % 3 != 0, random);
    }
    check_shape({20, 7, 7, 576, 5, 5, 2, 2, 1, 1, nullptr}, false, random);
    check_shape({3, 28, 28, 96, 3, 3, 1, 1, 2, 1, nullptr}, false, random);
    check_shape({2, 3, 300, 5, 3, 3, 1, 1, 1, 1, nullptr}, false, random);
    check_shape({1, 1, 1, 30, 7, 7, 3, 3, 1, 1, nullptr}, false, random);
    check_alone({4, 15, 15, 48, 3, 3, 1, 1, 2, 1, nullptr}, random);
    check_alone({9, 5, 5, 100, 5, 5, 2, 2, 1, 1, nullptr}, random);
  }
  return summary("depthwise");
}
