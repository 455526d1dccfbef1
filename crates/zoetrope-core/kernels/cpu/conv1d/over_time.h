// The convolution over time of some values, by the way that suits it: the forward pass, and the gradient of x.
#pragma once

#include "direct.h"
#include "winograd.h"

namespace zt::ZT_ISA {

// out [rows][columns] = Σ over taps of values [rows at the tap's distance][width] · weights [tap][width][columns] +
// bias. The choice depends on the network alone: a clip's results may not depend on the clips beside it. The tile unit
// is as fast as Winograd's algorithm on vectors with 3 or 5 taps, and faster with 7.
//
// What it does is compiled once for both passes (over_time.cpp).
class OverTime {
  bool is_winograd_;
  Direct direct_;
  Winograd winograd_;

  OverTime(const zt_conv1d_shape& s, int64_t width, int64_t columns, int threads, Cutter& cut, Cutter unused)
      : is_winograd_(Winograd::suits(s, width, columns) &&
                     (s.taps < 7 || !TallWeights::takes_tiles(s.taps * width, columns))),
        direct_(s, width, columns, threads, is_winograd_ ? unused : cut),
        winograd_(s, width, columns, threads, is_winograd_ ? cut : unused) {}

 public:
  OverTime(const zt_conv1d_shape& s, int64_t width, int64_t columns, int threads, Cutter& cut)
      : OverTime(s, width, columns, threads, cut, Cutter(nullptr)) {}

  // Before the threads begin. `bias` may be null.
  void begin(const float* bias) const;
  // All threads come here, first with the weights.
  void pack(const TapWeights& weights) const;
  void multiply(const float* values, bool relu, float* out) const;
};

}  // namespace zt::ZT_ISA
