// The calling thread's share of OpenMP.

#include <ATen/Parallel.h>
#include <omp.h>

#include <atomic>

// MKL's own setting, where libtorch has MKL inside.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int count);
extern "C" __attribute__((weak)) void MKL_Set_Dynamic(int is_dynamic);

extern "C" {

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
