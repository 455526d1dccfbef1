// The gradients of the convolution over time. With d = dy where ReLU let y pass:
//
//   dx[t] = Σ d[t - distance] · weight[tap]      dweight[tap] = Σ d[t]ᵀ · x[t + distance]      dbias = Σ d
//
// The sums go over some rows after the other, whose d and x stay in the caches while all taps read them.
//
// Cost: 4·rows·taps·in_channels·out_channels FLOPs, half without dx.
#include <omp.h>

#include "../simd/transpose.h"
#include "steps.h"

namespace zt::ZT_ISA {
namespace {

constexpr int64_t kSumRows = 256;  //  rows that are summed before their sum is added: a long sum would lose digits

struct Workspace {
  OverTime of_x;
  float *passed, *transposed[2], *gradients, *zeros, *panels;
  Steps steps;
  int64_t size;

  Workspace(const zt_conv1d_shape& s, int threads, float* at) : Workspace(s, threads, Cutter(at)) {}

 private:
  Workspace(const zt_conv1d_shape& s, int threads, Cutter cut)
      : of_x(s, s.out_channels, s.in_channels, threads, cut),
        passed(cut.take(s.relu ? rows_of(s) * s.out_channels : 0)),
        transposed{cut.take(odd_lines(kSumRows) * s.out_channels), cut.take(odd_lines(kSumRows) * s.out_channels)},
        gradients(cut.take(s.taps * s.in_channels * s.out_channels)),
        zeros(cut.take(s.in_channels)),
        panels(cut.take(threads * kProductWorkspace)),
        steps(s, cut),
        size(cut.size()) {}
};

// dweight of one tap, [out][in], of the rows from `first` on. (simd/product.h)
struct OfWeight {
  const Steps& steps;
  const float *transposed, *x, *zeros;
  int64_t first, distance;
  float* out;
  int64_t m, depth, columns;
  bool adds;

  const float* a(int64_t i, int64_t k) const { return transposed + i * odd_lines(kSumRows) + k; }
  int64_t run(int64_t) const { return depth; }
  const float* b(int64_t k) const { return steps.at(x, columns, first + k, distance, zeros); }
  float* c(int64_t i) const { return out + i * columns; }
  VF finish(VF sum, int64_t) const { return sum; }
};

// Of the rows first … end: d, transposed [out][odd_lines(kSumRows)] and added to dbias; the last two may be null. All
// threads come here, and do not wait. `passed` becomes d, unless there is no ReLU.
void prepare(const zt_conv1d_shape& s, const float* y, const float* dy, int64_t first, int64_t end, float* passed,
             float* transposed, float* dbias) {
  const int64_t out = s.out_channels;
#pragma omp for schedule(static) nowait
  for (int64_t c = 0; c < out; c += kWidth) {
    const int64_t count = smaller(kWidth, out - c);
    VF sums = zero();
    for (int64_t row = first; row < end; ++row) {
      VF d = load_first(dy + row * out + c, count);
      if (s.relu) {
        d = select(load_first(y + row * out + c, count) <= zero(), zero(), d);
        store_first(passed + row * out + c, d, count);
      }
      sums += d;
    }
    if (dbias != nullptr) store_first(dbias + c, first > 0 ? load_first(dbias + c, count) + sums : sums, count);
    if (transposed != nullptr)
      transpose_floats((s.relu ? passed : dy) + first * out + c, out, end - first, count,
                       transposed + c * odd_lines(kSumRows), odd_lines(kSumRows));
  }
}

}  // namespace

size_t conv1d_backward_workspace(const zt_conv1d_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void conv1d_backward(const zt_conv1d_shape& s, const float* x, const float* weight, const float* y, const float* dy,
                     float* dx, float* dweight, float* dbias, float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
  const int64_t in = s.in_channels, out = s.out_channels, rows = w.steps.rows;
  for (int64_t c = 0; c < in; ++c) w.zeros[c] = 0;
  w.of_x.begin(nullptr);
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    float* const packed = w.panels + omp_get_thread_num() * kProductWorkspace;
    w.steps.fill(s);
    for (int64_t first = 0; first < rows; first += kSumRows) {
      const int64_t end = smaller(first + kSumRows, rows);
      //  The others may still read what the rows before left.
      float* const transposed = dweight != nullptr ? w.transposed[first / kSumRows % 2] : nullptr;
      prepare(s, y, dy, first, end, w.passed, transposed, dbias);
#pragma omp barrier
      for (int64_t tap = 0; tap < s.taps && dweight != nullptr; ++tap) {
        float* const gradients = w.gradients + tap * out * in;
        const OfWeight product = {w.steps,   transposed, x,           w.zeros, first,    distance_of(s, tap),
                                  gradients, out,        end - first, in,      first > 0};
        multiply(product, packed);
      }
    }
#pragma omp barrier
#pragma omp for schedule(static)
    for (int64_t i = 0; i < (dweight != nullptr ? out * in : 0); ++i)
      for (int64_t tap = 0; tap < s.taps; ++tap) dweight[i * s.taps + tap] = w.gradients[tap * out * in + i];
    if (dx != nullptr) {  //  a step's output goes back to where it came from: the taps in reverse
      w.of_x.pack({weight + s.taps - 1, -1, in * s.taps, s.taps});
      w.of_x.multiply(s.relu ? w.passed : dy, false, dx);
    }
  }
}

}  // namespace zt::ZT_ISA
