// y = pool(activation(norm(x) + residual)), in one pass.
#include "values.h"

namespace zt::ZT_ISA {
namespace {

template <zt_conv_activation kActivation>
void forward(const zt_finish_shape& s, const Grid& grid, const Values& values, float* y, int threads) {
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.frames * grid.rows; ++row) {
      float* to = y + row * grid.cols * s.channels;
      for (int64_t col = 0; col < grid.cols; ++col, to += s.channels) {
        const int64_t above = grid.pixel(row, grid.rows, col), below = above + s.width;
        for (int64_t c = 0; c < s.channels; c += kWidth) {
          VF value = activate<kActivation>(values.at(above, c));
          if (s.pool != zt_no_pool) {
            const VF right = activate<kActivation>(values.at(above + 1, c)),
                     low = activate<kActivation>(values.at(below, c)),
                     corner = activate<kActivation>(values.at(below + 1, c));
            value = s.pool == zt_max_pool ? largest(value, right, low, corner) : ((value + right) + (low + corner)) / 4;
          }
          store_first(to + c, value, s.channels - c);
        }
      }
    }
  }
}

}  // namespace

void finish_forward(const zt_finish_shape& s, const zt_finish_norm* norm, const float* x, const float* residual,
                    float* y, int threads) {
  const Values values(s, norm, x, residual);
  with_activation(s.activation,
                  [&](auto activation) { forward<decltype(activation)::value>(s, Grid(s), values, y, threads); });
}

}  // namespace zt::ZT_ISA
