#include "over_time.h"

namespace zt::ZT_ISA {

void OverTime::begin(const float* bias) const { is_winograd_ ? winograd_.begin(bias) : direct_.begin(bias); }

void OverTime::pack(const TapWeights& weights) const { is_winograd_ ? winograd_.pack(weights) : direct_.pack(weights); }

void OverTime::multiply(const float* values, bool relu, float* out) const {
  is_winograd_ ? winograd_.multiply(values, relu, out) : direct_.multiply(values, relu, out);
}

}  // namespace zt::ZT_ISA
