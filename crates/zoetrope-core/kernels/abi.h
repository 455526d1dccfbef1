// The C ABI between Rust and C++: what every exported function of this folder shares.
//
// A function returns nullptr when it succeeded, else a message that the caller frees with `zt_message_free`.
// No exception crosses the border. A tensor is the `at::Tensor*` that tch holds, borrowed for the call.
#pragma once

#include <cstring>
#include <exception>

using zt_message = char*;

template <typename Body>
zt_message zt_guard(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}
