// The first thing of the process's exit.

#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

namespace {

bool is_main_thread() {
#ifdef __linux__
  return syscall(SYS_gettid) == getpid();
#else
  return false;
#endif
}

struct Guard {
  void (*call)() = nullptr;
  ~Guard() {
    if (call != nullptr && is_main_thread()) call();
  }
};

}  // namespace

extern "C" {

// Has `call` called when the calling thread, if it is the main one, calls `exit` or returns from `main`. C++ destroys
// the objects of that thread before any global, also before those that are made later than this.
void zt_before_exit(void (*call)()) {
  thread_local Guard guard;
  guard.call = call;
}
}
