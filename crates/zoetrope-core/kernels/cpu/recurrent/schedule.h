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

// The order in which the recurrence takes the clips, the longest first: those still running are then the first of a
// group. And where their rows of each step are kept.
struct Order {
  const Sizes& z;
  int32_t* clips;   //  [batch]
  int32_t* before;  //  [time + 1]: rows of the steps before one

  Order(const Sizes& sizes, Cutter& cut)
      : z(sizes), clips(cut.take_of<int32_t>(sizes.batch)), before(cut.take_of<int32_t>(sizes.time + 1)) {}

  void sort() const {
    int32_t* const places = before;  //  of the next clip of each length; in the end so many clips are as long or longer
    for (int64_t length = 0; length <= z.time; ++length) places[length] = 0;
    for (int64_t clip = 0; clip < z.batch; ++clip) ++places[z.length(clip)];
    for (int64_t length = z.time, longer = 0; length >= 0; --length) {
      const int32_t count = places[length];
      places[length] = static_cast<int32_t>(longer);
      longer += count;
    }
    for (int64_t clip = 0; clip < z.batch; ++clip) clips[places[z.length(clip)]++] = static_cast<int32_t>(clip);
    before[0] = 0;
    for (int64_t step = 1; step <= z.time; ++step) before[step] += before[step - 1];
  }

  int64_t longest() const { return z.length(clips[0]); }
  bool is_even() const { return z.length(clips[z.batch - 1]) == longest(); }
  // The row of clip number i at a step, among those that are kept.
  int64_t kept(int64_t direction, int64_t i, int64_t step) const {
    return keeps_by_step(z) ? before[step] + i : z.row(direction, clips[i], step);
  }
};

// Some of the sorted clips, about as many steps as other groups have: neighbours, whose rows are kept side by side,
// where all clips are as long, else every so many-th.
struct Group {
  const Sizes& z;
  const Order& order;
  int64_t direction, first, by, count;

  Group(const Sizes& sizes, const Order& sorted, int64_t of_direction, int64_t group, int64_t groups)
      : z(sizes), order(sorted), direction(of_direction) {
    const bool is_even = order.is_even();
    first = is_even ? z.batch * group / groups : group;
    by = is_even ? 1 : groups;
    count = is_even ? z.batch * (group + 1) / groups - first : ceil_div(z.batch - first, by);
  }

  int64_t number(int64_t i) const { return first + i * by; }
  int64_t clip(int64_t i) const { return order.clips[number(i)]; }
  int64_t kept(int64_t i, int64_t step) const { return order.kept(direction, number(i), step); }
  int64_t size() const { return count; }
  int64_t steps() const { return z.length(clip(0)); }
  // How many of its clips have more than `steps` steps, of which `longer` have more than fewer.
  int64_t longer_than(int64_t longer, int64_t steps) const {
    while (longer > 0 && z.length(clip(longer - 1)) <= steps) --longer;
    return longer;
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

// Calls body(group, units_begin, units_end, after_step) for the share of the calling thread. All threads come here, and
// leave together. body must call after_step() when a step is done; the longest clips go through `steps` of them.
template <typename Body>
ZT_INLINE void share_recurrence(const Sizes& z, const Schedule& schedule, const Order& order, int64_t steps,
                                const Body& body) {
  const int64_t slices = schedule.slices, items = schedule.groups * z.directions;
  const int64_t thread = omp_get_thread_num(), teams = omp_get_num_threads() / slices, slice = thread % slices;
  const int64_t panels = ceil_div(z.hidden, kPanel);
  const auto border = [&](int64_t i) { return smaller(panels * i / slices * kPanel, z.hidden); };
  int64_t met = 0;
  const auto meet = [&] {
    if (slices == 1) return;
    ++met;
#pragma omp barrier
  };
  for (int64_t item = thread / slices; item < items; item += teams) {  //  of several slices each team has one at most
    const Group group(z, order, item % z.directions, item / z.directions, schedule.groups);
    body(group, border(slice), border(slice + 1), meet);
  }
  if (slices > 1) {
    while (met < steps) meet();  //  whose clips are shorter
  } else {
#pragma omp barrier
  }
}

}  // namespace zt::ZT_ISA
