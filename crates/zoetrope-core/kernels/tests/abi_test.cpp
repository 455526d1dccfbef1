// How calls end: what a thrown error becomes, and that no memory for its words is an error as well.
#include <cstdio>
#include <cstring>
#include <stdexcept>

static bool has_memory = true;
static char* copy_words(const char* words) { return has_memory ? strdup(words) : nullptr; }
#define strdup copy_words
#include "../abi.h"
#undef strdup

static int failures = 0;

static void expect(zt_message message, const char* words, const char* what) {
  const bool holds = words == nullptr ? message == nullptr : message != nullptr && std::strcmp(message, words) == 0;
  if (!holds) std::printf("%s: expected '%s', received '%s'\n", what, words, message), ++failures;
  zt_words_free(message);
}

int main() {
  const auto fails = [] { throw std::runtime_error("on purpose"); };
  expect(zt_guard([] {}), nullptr, "success");
  expect(zt_guard(fails), "on purpose", "an exception");
  expect(zt_guard([] { throw 3; }), "unknown C++ exception", "something else that is thrown");
  expect(zt_guard([] { throw std::bad_alloc(); }), "out of memory", "no memory");
  has_memory = false;
  expect(zt_guard(fails), "out of memory", "no memory for an exception's words");
  expect(zt_guard([] { throw 3; }), "out of memory", "no memory for any words");
  std::printf("abi: %s\n", failures == 0 ? "as expected" : "FAILED");
  return failures == 0 ? 0 : 1;
}
