// The gradients of pool(activation(norm(x) + residual)).
//
// With g the gradient of the value before the activation, x̂ the normalised x, and means over all pixels of a channel:
//
//   dbias = Σ g     dweight = Σ g x̂     dx = scale (g - mean(g) - x̂ mean(g x̂))     dresidual = g
//
// The first pass makes the two sums, the second one dx. Without a norm by the batch's own statistics one pass does all.
// A thread sums some rows in float32, and these sums in float64.
#include <omp.h>

#include "../simd/cutter.h"
#include "values.h"

namespace zt::ZT_ISA {
namespace {

// Calls take(pixel, c, left, g) for each pixel of a row, of all frames' `all_rows`, and each vector of its channels.
template <zt_conv_activation kActivation, typename Take>
ZT_INLINE void each_gradient(const zt_finish_shape& s, const Grid& grid, const Values& values, const float* dy,
                             int64_t row, const Take& take) {
  const int64_t frame = row / grid.all_rows, row_of_frame = row % grid.all_rows;
  const float* from = dy + (frame * grid.rows + row_of_frame) * grid.cols * s.channels;
  for (int64_t col = 0; col < grid.all_cols; ++col, from += s.channels) {
    const int64_t above = grid.pixel(row, grid.all_rows, col), below = above + s.width;
    if (row_of_frame == grid.rows || col == grid.cols) {  //  cut: no window has these pixels
      const bool has_right = 2 * col + 1 < s.width, has_below = 2 * row_of_frame + 1 < s.height;
      for (int64_t c = 0; c < s.channels; c += kWidth) {
        const int64_t left = s.channels - c;
        take(above, c, left, zero());
        if (has_right) take(above + 1, c, left, zero());
        if (has_below) take(below, c, left, zero());
      }
      continue;
    }
    for (int64_t c = 0; c < s.channels; c += kWidth) {
      const int64_t left = s.channels - c;
      const VF gradient = load_first(from + c, left);
      const VF value = values.at(above, c);
      if (s.pool == zt_no_pool) {
        take(above, c, left, activate_backward<kActivation>(value, gradient));
        continue;
      }
      const VF right = values.at(above + 1, c), low = values.at(below, c), corner = values.at(below + 1, c);
      if (s.pool == zt_average_pool) {
        const VF quarter = gradient / 4;
        take(above, c, left, activate_backward<kActivation>(value, quarter));
        take(above + 1, c, left, activate_backward<kActivation>(right, quarter));
        take(below, c, left, activate_backward<kActivation>(low, quarter));
        take(below + 1, c, left, activate_backward<kActivation>(corner, quarter));
        continue;
      }
      VF highest = activate<kActivation>(value), winner = value;
      VI index = broadcast(0);
      const auto compare = [&](VF candidate, int number) {
        const VF y = activate<kActivation>(candidate);
        const VI wins = (y > highest) | is_nan(y);
        highest = select(wins, y, highest), winner = select(wins, candidate, winner);
        index = select(wins, broadcast(number), index);
      };
      compare(right, 1), compare(low, 2), compare(corner, 3);
      const VF g = activate_backward<kActivation>(winner, gradient);
      take(above, c, left, select(index == broadcast(0), g, zero()));
      take(above + 1, c, left, select(index == broadcast(1), g, zero()));
      take(below, c, left, select(index == broadcast(2), g, zero()));
      take(below + 1, c, left, select(index == broadcast(3), g, zero()));
    }
  }
}

struct Workspace {
  float *mean, *slope, *offset;  //  [channels]: dx = scale g - slope (x - mean) - offset
  float* own;                    //  of each thread
  int64_t channels, per_thread, size;

  Workspace(const zt_finish_shape& s, int threads, float* at) : Workspace(s, threads, Cutter(at)) {}

  // Σ g and then Σ g (x - mean) of a thread, in float64, and of its last rows.
  double* sums(int64_t thread) const { return reinterpret_cast<double*>(own + thread * per_thread); }
  float* of_rows(int64_t thread) const { return own + thread * per_thread + 4 * channels; }

 private:
  Workspace(const zt_finish_shape& s, int threads, Cutter cut)
      : mean(cut.take(round_up(s.channels, 16))),
        slope(cut.take(round_up(s.channels, 16))),
        offset(cut.take(round_up(s.channels, 16))),
        channels(round_up(s.channels, 16)),
        per_thread(6 * channels) {
    own = cut.take(threads * per_thread);
    size = cut.size();
  }
};

struct Call {
  const zt_finish_shape& s;
  const zt_finish_norm* norm;
  const float *x, *residual, *dy;
  const zt_finish_gradients& gradients;
  int threads;
};

// The sums of every thread, and dresidual. Returns the number of threads.
template <zt_conv_activation kActivation>
int64_t sum_gradients(const Call& call, const Grid& grid, const Values& values, const Workspace& w) {
  const zt_finish_shape& s = call.s;
  const int64_t rows = s.frames * grid.all_rows, group = larger(1, 64 / grid.all_cols);
  float* const dresidual = call.gradients.dresidual;
  int64_t team = 1;
#pragma omp parallel num_threads(call.threads)
  {
    const FlushDenormals flush;
    const int64_t thread = omp_get_thread_num(), all = omp_get_num_threads();
    if (thread == 0) team = all;
    double* const total = w.sums(thread);
    float *const sums = w.of_rows(thread), *const products = sums + w.channels;
    for (int64_t c = 0; c < 2 * w.channels; ++c) total[c] = 0;
    const int64_t end = rows * (thread + 1) / all;
    for (int64_t first = rows * thread / all; first < end; first += group) {
      for (int64_t c = 0; c < 2 * w.channels; ++c) sums[c] = 0;
      for (int64_t row = first; row < smaller(first + group, end); ++row)
        each_gradient<kActivation>(s, grid, values, call.dy, row, [&](int64_t pixel, int64_t c, int64_t left, VF g) {
          const int64_t at = pixel * s.channels + c;
          store(sums + c, load(sums + c) + g);
          store(products + c, fma(g, load_first(call.x + at, left) - load(w.mean + c), load(products + c)));
          if (dresidual != nullptr) store_first(dresidual + at, g, left);
        });
      for (int64_t c = 0; c < 2 * w.channels; ++c) total[c] += sums[c];
    }
  }
  return team;
}

// From the threads' sums: the norm's gradients, slope and offset.
void finish_sums(const Call& call, const Workspace& w, int64_t team) {
  const double pixels = static_cast<double>(call.s.frames * call.s.height * call.s.width);
  for (int64_t c = 0; c < call.s.channels; ++c) {
    double sum = 0, product = 0;
    for (int64_t thread = 0; thread < team; ++thread)
      sum += w.sums(thread)[c], product += w.sums(thread)[w.channels + c];
    const double inverse = call.norm->inverse[c], scale = call.norm->scale[c];
    call.gradients.dbias[c] = static_cast<float>(sum);
    call.gradients.dweight[c] = static_cast<float>(product * inverse);
    w.slope[c] = static_cast<float>(scale * inverse * inverse * product / pixels);
    w.offset[c] = static_cast<float>(scale * sum / pixels);
  }
}

// dx, and dresidual unless it has been written already.
template <zt_conv_activation kActivation>
void write_gradients(const Call& call, const Grid& grid, const Values& values, const Workspace& w) {
  const zt_finish_shape& s = call.s;
  const bool of_batch = call.norm != nullptr && call.norm->mean != nullptr;
  float *const dx = call.gradients.dx, *const dresidual = of_batch ? nullptr : call.gradients.dresidual;
  const float* const scale = call.norm != nullptr ? call.norm->scale : nullptr;
#pragma omp parallel num_threads(call.threads)
  {
    const FlushDenormals flush;
    const auto write = [&](int64_t pixel, int64_t c, int64_t left, VF g) {
      const int64_t at = pixel * s.channels + c;
      if (dresidual != nullptr) store_first(dresidual + at, g, left);
      if (dx == nullptr) return;
      if (scale != nullptr) g *= load_first(scale + c, left);
      if (of_batch) g -= fma(load_first(call.x + at, left) - load(w.mean + c), load(w.slope + c), load(w.offset + c));
      store_first(dx + at, g, left);
    };
    if (of_batch && call.gradients.dresidual != nullptr) {  //  which has every g
      const float* const gradients = call.gradients.dresidual;
#pragma omp for schedule(static)
      for (int64_t pixel = 0; pixel < s.frames * s.height * s.width; ++pixel)
        for (int64_t c = 0; c < s.channels; c += kWidth)
          write(pixel, c, s.channels - c, load_first(gradients + pixel * s.channels + c, s.channels - c));
    } else {
#pragma omp for schedule(static)
      for (int64_t row = 0; row < s.frames * grid.all_rows; ++row)
        each_gradient<kActivation>(s, grid, values, call.dy, row, write);
    }
  }
}

}  // namespace

size_t finish_backward_workspace(const zt_finish_shape& s, int threads) { return Workspace(s, threads, nullptr).size; }

void finish_backward(const zt_finish_shape& s, const zt_finish_norm* norm, const float* x, const float* residual,
                     const float* dy, const zt_finish_gradients& gradients, float* workspace, int threads) {
  const Workspace w(s, threads, workspace);
  const Call call = {s, norm, x, residual, dy, gradients, threads};
  const Values values(s, norm, x, residual);
  const Grid grid(s);
  const bool of_batch = norm != nullptr && norm->mean != nullptr;
  for (int64_t c = 0; c < w.channels; ++c) {
    w.mean[c] = of_batch && c < s.channels ? norm->mean[c] : 0;
    w.slope[c] = w.offset[c] = 0;
  }
  with_activation(s.activation, [&](auto activation) {
    constexpr zt_conv_activation kActivation = decltype(activation)::value;
    if (of_batch) finish_sums(call, w, sum_gradients<kActivation>(call, grid, values, w));
    if (gradients.dx != nullptr || !of_batch) write_gradients<kActivation>(call, grid, values, w);
  });
}

}  // namespace zt::ZT_ISA
