// The calling thread's share of OpenMP.

#include <ATen/Parallel.h>
#include <omp.h>

extern "C" {

// From now on operations that the calling thread begins run on it alone, and OpenMP makes no threads for it.
//
// With threads of more than one such caller libgomp counts more threads than cores and hardly waits before it sleeps:
// then the engine's threads would be woken by the system at every kernel.
void zt_work_alone() {
  at::internal::lazy_init_num_threads();  //  which would undo it later
  omp_set_num_threads(1);
}
}
