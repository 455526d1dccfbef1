// How the threads share a recurrence: which clips step side by side, and who computes which of their units.
//
// A step multiplies the hidden states of some clips by W_hh, which is read once for all of them. Threads that take
// clips of their own never wait for each other. So each direction's clips are dealt into as many groups as it has
// threads. Where few clips would then share a large W_hh, there are fewer groups, and several threads slice the units
// of one. They meet after every step.
#pragma once

#include <omp.h>

#include "../isa.h"
#include "tile_panels.h"

namespace zt::ZT_ISA {

constexpr int64_t kCachedWeights = 512 << 10;  //  bytes of weights that stay in any core's L2
constexpr int64_t kRowsOfLarge = 2 * kRows;    //  clips of a group, where W_hh comes from further away

// The same of this machine: of its L2 a quarter is left for what the steps read and write.
ZT_INLINE int64_t cached_weights() { return larger(kCachedWeights, zt_l2_bytes() / 4 * 3); }

// The clips in the order in which the recurrence takes them, the longest first. The clips still running are then the
// first of a group. The sorting uses `counts`, of time + 1.
ZT_INLINE void sort_by_length(const Sizes& z, int32_t* counts, int32_t* order) {
  for (int64_t length = 0; length <= z.time; ++length) counts[length] = 0;
  for (int64_t clip = 0; clip < z.batch; ++clip) ++counts[z.length(clip)];
  for (int64_t length = z.time, longer = 0; length >= 0; --length) {
    const int32_t count = counts[length];
    counts[length] = static_cast<int32_t>(longer);  //  from here on: the place of the next clip of that length
    longer += count;
  }
  for (int64_t clip = 0; clip < z.batch; ++clip) order[counts[z.length(clip)]++] = static_cast<int32_t>(clip);
}

// Every so many-th of the sorted clips: groups have about as many steps.
struct Group {
  const Sizes& z;
  const int32_t* order;
  int64_t direction, first, stride;

  int64_t clip(int64_t i) const { return order[first + i * stride]; }
  int64_t size() const { return ceil_div(z.batch - first, stride); }
  int64_t steps() const { return z.length(clip(0)); }
  // How many of its clips have more than `steps` steps, of which `count` have more than fewer.
  int64_t longer_than(int64_t count, int64_t steps) const {
    while (count > 0 && z.length(clip(count - 1)) <= steps) --count;
    return count;
  }
};

struct Schedule {
  int64_t groups;  //  of each direction
  int64_t slices;  //  threads of a group

  Schedule(const Sizes& z, int64_t threads) {
    const int64_t wanted = threads % 2 == 0 ? threads / z.directions : threads;
    const int64_t weights = Packed::w_hh_size(z) * static_cast<int64_t>(sizeof(float));
    const int64_t least = weights > cached_weights() && z.recurs() ? kRowsOfLarge : 1;
    groups = smaller(wanted, larger(1, z.batch / least));
    slices = groups == wanted ? 1 : larger(1, threads / (groups * z.directions));
    if (slices == 1) groups = smaller(wanted, z.batch);
  }

  int64_t most_clips(const Sizes& z) const { return ceil_div(z.batch, groups); }
};

// Calls body(group, units_begin, units_end, after_step) for the share of the calling thread. All threads come here.
// body must call after_step() when a step is done.
template <typename Body>
ZT_INLINE void share_recurrence(const Sizes& z, const Schedule& schedule, const int32_t* order, const Body& body) {
  const int64_t items = schedule.groups * z.directions;
  const auto group = [&](int64_t item) {
    return Group{z, order, item % z.directions, item / z.directions, schedule.groups};
  };
  if (schedule.slices == 1) {
#pragma omp for schedule(dynamic)
    for (int64_t item = 0; item < items; ++item) body(group(item), int64_t{0}, z.hidden, [] {});
    return;
  }
  const int64_t thread = omp_get_thread_num(), item = thread / schedule.slices, slice = thread % schedule.slices;
  const int64_t panels = ceil_div(z.hidden, kPanel), longest = z.length(order[0]);
  int64_t met = 0;
  const auto meet = [&] {
    ++met;
#pragma omp barrier
  };
  if (item < items) {
    const auto border = [&](int64_t i) { return smaller(panels * i / schedule.slices * kPanel, z.hidden); };
    body(group(item), border(slice), border(slice + 1), meet);
  }
  while (met < longest) meet();  //  whose clips are shorter
}

}  // namespace zt::ZT_ISA
