// The calling thread's share of OpenMP.

#include <ATen/Parallel.h>
#include <omp.h>

#include <atomic>
#include <chrono>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// MKL's own setting, where libtorch has MKL inside.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int count);
extern "C" __attribute__((weak)) void MKL_Set_Dynamic(int is_dynamic);

namespace {

// A thread of a team.
struct Member {
  std::atomic<int> id{0};      //  the system's number for it
  std::atomic<int64_t> at{0};  //  the last gathering that it came to
};

constexpr auto kPatience = std::chrono::microseconds(30);

#if defined(__linux__)
int own_id() { return static_cast<int>(syscall(SYS_gettid)); }

// Has a thread that may wait for the calling one's core wait for another. It is allowed everywhere again at once.
void move_away(int id) {
  cpu_set_t allowed;
  if (sched_getaffinity(id, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  const int core = sched_getcpu();
  if (core < 0 || core >= CPU_SETSIZE) return;
  CPU_CLR(core, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(id, sizeof others, &others) != 0) return;
  sched_setaffinity(id, sizeof allowed, &allowed);
}
#else
int own_id() { return 0; }
void move_away(int) {}
#endif

}  // namespace

extern "C" {

// Has the calling thread's team come together. To be called before a job, between which the team sleeps. Linux may wake
// a thread on the core of the one that wakes it, although another is idle, and leaves it there until a tick of some
// milliseconds: whoever has not come after some microseconds is sent to another core.
void zt_gather_threads() {
  const int count = omp_get_max_threads();
  if (count == 1) return;
  thread_local std::vector<Member> team;
  thread_local int64_t gathering = 0;
  try {
    if (team.size() != static_cast<size_t>(count)) team = std::vector<Member>(static_cast<size_t>(count));
  } catch (const std::bad_alloc&) {
    return;  //  the job will say so
  }
  Member* const members = team.data();
  const int64_t now = ++gathering;
#pragma omp parallel num_threads(count)
  {
    if (const int number = omp_get_thread_num(); number > 0) {
      members[number].id.store(own_id(), std::memory_order_relaxed);
      members[number].at.store(now, std::memory_order_release);
    } else {
      const auto until = std::chrono::steady_clock::now() + kPatience;
      const auto is_missing = [&](int other) { return members[other].at.load(std::memory_order_acquire) != now; };
      int other = 1;
      while (other < omp_get_num_threads() && (!is_missing(other) || std::chrono::steady_clock::now() < until))
        other += is_missing(other) ? 0 : 1;
      for (; other < omp_get_num_threads(); ++other)
        if (const int id = members[other].id.load(std::memory_order_relaxed); id != 0 && is_missing(other))
          move_away(id);
    }
  }
}

// From now on operations that the calling thread begins run on so many threads, which OpenMP makes now: it ends the
// process where the system refuses one, so the caller has tried that a moment ago. For 1 it makes none.
//
// With threads of more than one caller libgomp counts more threads than cores and hardly waits before it sleeps: then
// the engine's threads would be woken by the system at every kernel. So all callers but engines have 1.
//
// `at::set_num_threads` does the same, but it starts the threads of a second pool at once, which nothing here uses, and
// waits for ever for one that the system refuses.
void zt_use_threads(int count) {
  at::internal::lazy_init_num_threads();  //  which would undo it later
  omp_set_num_threads(count);
  if (MKL_Set_Num_Threads_Local != nullptr) MKL_Set_Num_Threads_Local(count);
  if (MKL_Set_Dynamic != nullptr) MKL_Set_Dynamic(0);
  if (count == 1) return;
  std::atomic<int> made{0};
#pragma omp parallel num_threads(count)
  made.fetch_add(1, std::memory_order_relaxed);  //  without a body the compiler leaves it all out
}
}
