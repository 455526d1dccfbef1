// The C ABI between Rust and C++: what every exported function of this folder shares.
//
// A function returns nullptr when it succeeded, else a message that the caller hands to `zt_message_free`.
// No exception crosses the border. A tensor is the `at::Tensor*` that tch holds, borrowed for the call.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

using zt_message = char*;

// The message where there is no memory, which needs none.
inline char zt_no_memory[] = "out of memory";

// A message with these words. nullptr would say success, so it is never returned.
inline zt_message zt_words(const char* words) noexcept {
  char* const copy = strdup(words);
  return copy != nullptr ? copy : zt_no_memory;
}

inline void zt_words_free(zt_message message) noexcept {
  if (message != zt_no_memory) std::free(message);
}

template <typename Body>
zt_message zt_guard(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return zt_no_memory;
  } catch (const std::exception& error) {
    return zt_words(error.what());
  } catch (...) {
    return zt_words("unknown C++ exception");
  }
}
