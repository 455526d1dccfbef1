// The convolution over time against a plain float64 reference, on every instruction set that the machine has.
#include "../cpu/conv1d/conv1d.h"

#include "checks.h"

namespace {

void check(bool ok, const char* what, const zt_conv1d_shape& s) {
  if (fails(ok))
    std::printf("failed on %s: %s, batch %ld time %ld, %ld -> %ld, %ld taps, dilation %ld, lengths %d, relu %d\n",
                zt_isa_name(), what, long(s.batch), long(s.time), long(s.in_channels), long(s.out_channels),
                long(s.taps), long(s.dilation), s.offsets != nullptr, s.relu);
}

struct Problem {
  zt_conv1d_shape s;
  std::vector<int64_t> offsets;
  Floats x, weight, bias, dy;

  Problem(zt_conv1d_shape shape, bool varied, std::mt19937& random) : s(shape), offsets(1) {
    for (int64_t b = 0; b < s.batch; ++b)
      offsets.push_back(offsets.back() + (varied ? int64_t(random() % s.time) + 1 : s.time));
    if (varied) s.offsets = offsets.data();
    x = drawn(offsets.back() * s.in_channels, random);
    weight = drawn(s.out_channels * s.in_channels * s.taps, random, 1 / std::sqrt(s.in_channels * s.taps));
    bias = drawn(s.out_channels, random, .3), dy = drawn(offsets.back() * s.out_channels, random);
  }

  Problem(const Problem&) = delete;  //  `s` points into it
};

struct Result {
  Floats y, dx, dweight, dbias;

  Result(const Problem& p, int threads)
      : y(p.dy.size()), dx(p.x.size()), dweight(p.weight.size()), dbias(p.bias.size()) {
    const Workspace forward(zt_conv1d_forward_workspace(&p.s, threads));
    zt_conv1d_forward(&p.s, p.x.data(), p.weight.data(), p.bias.data(), y.data(), forward.at, threads);
    const Workspace backward(zt_conv1d_backward_workspace(&p.s, threads));
    zt_conv1d_backward(&p.s, p.x.data(), p.weight.data(), y.data(), p.dy.data(), dx.data(), dweight.data(),
                       dbias.data(), backward.at, threads);
  }

  bool operator==(const Result& o) const { return y == o.y && dx == o.dx && dweight == o.dweight && dbias == o.dbias; }
};

struct Reference {
  Doubles y, dx, dweight, dbias;

  // The kernel's own outputs say where ReLU lets a gradient pass: a sum next to zero may round to either side.
  Reference(const Problem& p, const Floats& given)
      : y(p.dy.size()), dx(p.x.size()), dweight(p.weight.size()), dbias(p.bias.size()) {
    const zt_conv1d_shape& s = p.s;
    for (int64_t clip = 0; clip < s.batch; ++clip)
      for (int64_t row = p.offsets[clip]; row < p.offsets[clip + 1]; ++row)
        for (int64_t o = 0; o < s.out_channels; ++o) {
          double sum = p.bias[o];
          const int64_t at = row * s.out_channels + o;
          const double d = s.relu && given[at] <= 0 ? 0 : p.dy[at];
          dbias[o] += d;
          for (int64_t tap = 0; tap < s.taps; ++tap) {
            const int64_t from = row + (tap - s.taps / 2) * s.dilation;
            if (from < p.offsets[clip] || from >= p.offsets[clip + 1]) continue;
            for (int64_t c = 0; c < s.in_channels; ++c) {
              const int64_t w = (o * s.in_channels + c) * s.taps + tap, i = from * s.in_channels + c;
              sum += double(p.weight[w]) * p.x[i];
              dweight[w] += d * p.x[i], dx[i] += d * p.weight[w];
            }
          }
          y[at] = s.relu ? std::max(0., sum) : sum;
        }
  }
};

void check_shape(const zt_conv1d_shape& shape, bool varied, std::mt19937& random) {
  const Problem problem(shape, varied, random);
  const Result result(problem, 2);
  const Reference reference(problem, result.y);
  const double values = error(result.y, reference.y);
  const double gradients = std::max(
      {error(result.dx, reference.dx), error(result.dweight, reference.dweight), error(result.dbias, reference.dbias)});
  check(values <= 1e-6, "outputs", problem.s);
  check(gradients <= 2e-6, "gradients", problem.s);
  check(result == Result(problem, 1) && result == Result(problem, 3), "thread counts are bit-equal", problem.s);
}

}  // namespace

int main() {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (!zt_isa_set(isa)) continue;
    std::mt19937 random(0);
    const auto up_to = [&](int64_t most) { return int64_t(random() % most) + 1; };
    for (int i = 0; i < 80; ++i) {
      const int64_t taps = 2 * up_to(4) - 1, dilation = up_to(3);
      check_shape({up_to(9), up_to(40), up_to(80), up_to(90), taps, dilation, nullptr, i % 2 == 0}, i % 3 == 0, random);
    }
    check_shape({2, 5, 600, 40, 3, 1, nullptr, true}, true, random);
    check_shape({3, 700, 9, 64, 5, 1, nullptr, true}, false, random);
    for (const int64_t taps : {3, 5, 7}) {  //  many channels, tiles of steps that end within a clip
      check_shape({3, 50, 300, 70, taps, 1, nullptr, true}, true, random);
      check_shape({1, 61, 48, 200, taps, 4, nullptr, false}, false, random);
      check_shape({4, 20, 33, 40, taps, 700, nullptr, true}, true, random);  //  taps that reach nothing
      check_shape({2, 90, 70, 40, taps, 16, nullptr, false}, true, random);
    }
  }
  return summary("conv1d");
}
