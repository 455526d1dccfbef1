// The calling thread's share of OpenMP.

#include <ATen/Parallel.h>
#include <omp.h>

extern "C" {

// From now on operations that the calling thread begins run on it alone, and OpenMP makes no threads for it.
//
// With the threads of several such callers, libgomp counts more threads than cores. It then hardly waits before it
// sleeps, and the system would have to wake the engine's threads at every kernel.
void zt_work_alone() {
  at::internal::lazy_init_num_threads();  //  which would undo it later
  omp_set_num_threads(1);
}
}
