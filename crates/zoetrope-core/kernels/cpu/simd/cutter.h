// A workspace, cut into arrays.
#pragma once

#include "simd.h"

namespace zt::ZT_ISA {

// Cuts a workspace into arrays, each of whole cache lines. From nullptr it only counts.
class Cutter {
 public:
  explicit Cutter(float* begin) : begin_(begin), at_(begin) {}

  float* take(int64_t count) {
    float* const here = at_;
    at_ += round_up(count, 16);
    return here;
  }

  // Room for `count` objects that need no construction.
  template <typename T>
  T* take_of(int64_t count) {
    return reinterpret_cast<T*>(take(ceil_div(count * static_cast<int64_t>(sizeof(T)), sizeof(float))));
  }

  // Floats cut so far.
  int64_t size() const { return at_ - begin_; }

 private:
  float* begin_;
  float* at_;
};

}  // namespace zt::ZT_ISA
