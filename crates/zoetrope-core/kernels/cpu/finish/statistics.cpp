// Mean and variance of each channel, in one pass over memory.
//
// A thread takes chunks of pixels that stay in its cache, computes a chunk's mean and then its squares about that mean,
// and merges both into those of its pixels so far, in float64 (Chan, Golub & LeVeque 1979). So neither a large mean nor
// many pixels cost digits.
#include <omp.h>

#include "../simd/simd.h"
#include "finish.h"

namespace zt::ZT_ISA {
namespace {

// Statistics of some pixels, for all channels.
struct Moments {
  double *mean, *squares;  //  squares about the mean

  void merge(int64_t channels, int64_t before, const double* other_mean, const double* other_squares, int64_t count) {
    const double share = static_cast<double>(count) / static_cast<double>(before + count);
    const double weight = share * static_cast<double>(before);
    for (int64_t c = 0; c < channels; ++c) {
      const double difference = other_mean[c] - mean[c];
      mean[c] += difference * share;
      squares[c] += other_squares[c] + difference * difference * weight;
    }
  }
};

struct Sizes {
  int64_t channels, chunk, pixels, per_thread;  //  channels up to whole vectors; pixels of a chunk, and in all

  explicit Sizes(const zt_finish_shape& s) : channels(round_up(s.channels, 16)) {
    pixels = s.frames * s.height * s.width;
    chunk = larger(16, smaller(128, 16384 / channels));
    per_thread = 4 * 2 * channels + 2 * channels;  //  four of doubles, two of floats
  }
};

// sums[c] += Σ value(x, c) of `count` pixels.
template <typename Value>
ZT_INLINE void add_pixels(const float* x, int64_t channels, int64_t count, float* sums, const Value& value) {
  for (int64_t p = 0; p < count; p += 4)
    for (int64_t c = 0; c < channels; c += kWidth) {
      const int64_t left = channels - c;
      const float* const at = x + p * channels + c;
      VF sum = value(load_first(at, left), c);
      for (int64_t k = 1; k < smaller(4, count - p); ++k) sum += value(load_first(at + k * channels, left), c);
      store(sums + c, load(sums + c) + sum);
    }
}

}  // namespace

size_t finish_statistics_workspace(const zt_finish_shape& s, int threads) { return threads * Sizes(s).per_thread; }

void finish_statistics(const zt_finish_shape& s, const float* x, float* mean, float* variance, float* workspace,
                       int threads) {
  const Sizes z(s);
  const auto moments_of = [&](int64_t thread) {
    double* const at = reinterpret_cast<double*>(workspace + thread * z.per_thread);
    return Moments{at, at + z.channels};
  };
  int64_t team = 1;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    const int64_t thread = omp_get_thread_num(), all = omp_get_num_threads();
    if (thread == 0) team = all;
    Moments own = moments_of(thread);
    double *const chunk_mean = own.squares + z.channels, *const chunk_squares = chunk_mean + z.channels;
    float *const means = reinterpret_cast<float*>(chunk_squares + z.channels), *const sums = means + z.channels;
    const int64_t begin = z.pixels * thread / all, end = z.pixels * (thread + 1) / all;
    for (int64_t c = 0; c < z.channels; ++c) own.mean[c] = own.squares[c] = 0;
    for (int64_t first = begin; first < end; first += z.chunk) {
      const int64_t count = smaller(z.chunk, end - first);
      const float* const at = x + first * s.channels;
      for (int64_t c = 0; c < z.channels; ++c) sums[c] = 0;
      add_pixels(at, s.channels, count, sums, [](VF v, int64_t) { return v; });
      for (int64_t c = 0; c < z.channels; ++c) means[c] = sums[c] / static_cast<float>(count), sums[c] = 0;
      add_pixels(at, s.channels, count, sums, [&](VF v, int64_t c) {
        const VF difference = v - load(means + c);
        return difference * difference;
      });
      for (int64_t c = 0; c < z.channels; ++c) chunk_mean[c] = means[c], chunk_squares[c] = sums[c];
      own.merge(s.channels, first - begin, chunk_mean, chunk_squares, count);
    }
  }
  Moments total = moments_of(0);
  for (int64_t thread = 1; thread < team; ++thread) {
    const Moments other = moments_of(thread);
    const int64_t begin = z.pixels * thread / team, end = z.pixels * (thread + 1) / team;
    if (begin < end) total.merge(s.channels, begin, other.mean, other.squares, end - begin);
  }
  for (int64_t c = 0; c < s.channels; ++c) {
    mean[c] = static_cast<float>(total.mean[c]);
    variance[c] = static_cast<float>(total.squares[c] / static_cast<double>(z.pixels));
  }
}

}  // namespace zt::ZT_ISA
