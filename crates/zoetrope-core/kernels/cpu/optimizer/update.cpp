// One pass over parameters, gradients and state; optimizer.h has the rules. Memory bounds it. For each parameter Adam
// moves 28 bytes (4 reads, 3 writes), SGD 12 or 20, and an average of the weights 8 more. The square root and the
// division of each parameter take no additional time.
#include <omp.h>

#include "../simd/simd.h"
#include "blocks.h"

namespace zt::ZT_ISA {

ZT_INLINE VF square_root(VF v) {
#if defined(__AVX512F__)
  return reinterpret_cast<VF>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(v)));
#elif defined(__AVX2__)
  return reinterpret_cast<VF>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#elif defined(__SSE2__)
  return reinterpret_cast<VF>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#else
  for (int i = 0; i < kWidth; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}

// kFirst, kSecond and kThird say which states a rule reads and writes beside the parameter. `step` gives the new
// parameter.
struct Sgd {
  static constexpr bool kFirst = false, kSecond = false, kThird = false;
  VF rate;
  explicit Sgd(const zt_prepared& p) : rate(broadcast(p.rate)) {}
  ZT_INLINE VF step(const Sgd& r, VF w, VF g, VF&, VF&, VF&) { return w - r.rate * g; }
};

struct SgdMomentum {
  static constexpr bool kFirst = true, kSecond = false, kThird = false;
  VF rate, momentum;
  bool nesterov;
  explicit SgdMomentum(const zt_prepared& p)
      : rate(broadcast(p.rate)), momentum(broadcast(p.momentum)), nesterov(p.nesterov) {}
  ZT_INLINE VF step(const SgdMomentum& r, VF w, VF g, VF& b, VF&, VF&) {
    b = fma(r.momentum, b, g);
    return w - r.rate * (r.nesterov ? fma(r.momentum, b, g) : b);
  }
};

struct Adam {
  static constexpr bool kFirst = true, kSecond = true, kThird = false;
  VF rate, mix1, beta2, mix2, eps, correction;
  explicit Adam(const zt_prepared& p)
      : rate(broadcast(p.rate)),
        mix1(broadcast(p.mix1)),
        beta2(broadcast(p.beta2)),
        mix2(broadcast(p.mix2)),
        eps(broadcast(p.eps)),
        correction(broadcast(p.correction)) {}
  ZT_INLINE VF step(const Adam& r, VF w, VF g, VF& m, VF& v, VF&) {
    m = fma(r.mix1, g - m, m);
    v = fma(r.mix2 * g, g, r.beta2 * v);
    return w - r.rate * m / fma(square_root(v), r.correction, r.eps);
  }
};

template <bool kMomentum, bool kCentered>
struct RmsProp {
  static constexpr bool kFirst = kMomentum, kSecond = true, kThird = kCentered;
  VF rate, momentum, alpha, mix, eps;
  explicit RmsProp(const zt_prepared& p)
      : rate(broadcast(p.rate)),
        momentum(broadcast(p.momentum)),
        alpha(broadcast(p.beta2)),
        mix(broadcast(p.mix2)),
        eps(broadcast(p.eps)) {}
  ZT_INLINE VF step(const RmsProp& r, VF w, VF g, VF& b, VF& v, VF& a) {
    v = fma(r.mix * g, g, r.alpha * v);
    VF square = v;
    if (kCentered) {
      a = fma(r.mix, g - a, a);
      square = max(zero(), v - a * a);  //  rounding can make a variance of 0 negative; NaN stays
    }
    const VF direction = g / (square_root(square) + r.eps);
    if (!kMomentum) return w - r.rate * direction;
    b = fma(r.momentum, b, direction);
    return w - r.rate * b;
  }
};

template <class Rule>
static void sweep(const zt_prepared& p, int64_t begin, int64_t end) {
  const zt_parameter& t = p.parameter;
  const Rule rule(p);
  const VF scale = broadcast(p.scale), high = broadcast(p.clip), low = broadcast(-p.clip);
  const VF coupled = broadcast(p.coupled), kept = broadcast(p.kept);
  const VF mix = broadcast(p.average_mix), decay = broadcast(p.decay);
  const bool is_decayed = p.coupled != 0, is_far = p.average_mix >= 0.5f;
  for (int64_t i = begin; i < end; i += kWidth) {
    const int64_t n = smaller(kWidth, end - i);
    VF w = load_first(t.value + i, n);
    VF g = max(low, min(high, scale * load_first(t.gradient + i, n)));
    if (is_decayed) g = fma(coupled, w, g);
    VF first = zero(), second = zero(), third = zero();
    if (Rule::kFirst) first = load_first(t.first + i, n);
    if (Rule::kSecond) second = load_first(t.second + i, n);
    if (Rule::kThird) third = load_first(t.third + i, n);
    w = Rule::step(rule, w * kept, g, first, second, third);
    if (Rule::kFirst) store_first(t.first + i, first, n);
    if (Rule::kSecond) store_first(t.second + i, second, n);
    if (Rule::kThird) store_first(t.third + i, third, n);
    store_first(t.value + i, w, n);
    if (t.average != nullptr) {  //  torch.lerp's two formulas: exact at both ends
      const VF e = load_first(t.average + i, n);
      store_first(t.average + i, is_far ? w - decay * (w - e) : fma(mix, w - e, e), n);
    }
  }
}

static void update_block(const zt_prepared& p, int64_t begin, int64_t end) {
  switch (p.kind) {
    case zt_rule_sgd:
      return p.momentum == 0 ? sweep<Sgd>(p, begin, end) : sweep<SgdMomentum>(p, begin, end);
    case zt_rule_adam:
    case zt_rule_adamw:
      return sweep<Adam>(p, begin, end);
    default:
      if (p.momentum == 0)
        return p.centered ? sweep<RmsProp<false, true>>(p, begin, end) : sweep<RmsProp<false, false>>(p, begin, end);
      return p.centered ? sweep<RmsProp<true, true>>(p, begin, end) : sweep<RmsProp<true, false>>(p, begin, end);
  }
}

// The parameter to which a block belongs.
static const zt_prepared& owner(const zt_prepared* parameters, size_t count, int64_t block) {
  size_t at = 0;
  while (at + 1 < count && parameters[at + 1].first_block <= block) ++at;
  return parameters[at];
}

void update_blocks(const zt_prepared* parameters, size_t count, int64_t blocks, int threads) {
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
#pragma omp for schedule(static)
    for (int64_t block = 0; block < blocks; ++block) {
      const zt_prepared& p = owner(parameters, count, block);
      const int64_t begin = (block - p.first_block) * kZtBlock;
      update_block(p, begin, smaller(begin + kZtBlock, p.parameter.count));
    }
  }
}

// The sum of squares. Short runs are summed as floats, so that the error stays below 1e-6; the runs' sums as doubles.
static double squares(const float* p, int64_t count) {
  constexpr int64_t kRun = 32 * kWidth;
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += kRun) {
    const int64_t end = smaller(begin + kRun, count);
    VF even = zero(), odd = zero();
    int64_t i = begin;
    for (; i + 2 * kWidth <= end; i += 2 * kWidth) {
      const VF a = load(p + i), b = load(p + i + kWidth);
      even = fma(a, a, even);
      odd = fma(b, b, odd);
    }
    for (; i < end; i += kWidth) {
      const VF a = load_first(p + i, end - i);
      even = fma(a, a, even);
    }
    total += sum(even + odd);
  }
  return total;
}

// Squares beyond float32's range although the values are within it.
static double large_squares(const float* p, int64_t count) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += double(p[i]) * p[i];
  return total;
}

// Sums of squares, one for each block.
void square_blocks(const zt_prepared* parameters, size_t count, int64_t blocks, double* sums, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t block = 0; block < blocks; ++block) {
    const zt_prepared& p = owner(parameters, count, block);
    const int64_t begin = (block - p.first_block) * kZtBlock, end = smaller(begin + kZtBlock, p.parameter.count);
    const float* const gradient = p.parameter.gradient + begin;
    const double total = squares(gradient, end - begin);
    sums[block] = total - total == 0 ? total : large_squares(gradient, end - begin);
  }
}

}  // namespace zt::ZT_ISA
