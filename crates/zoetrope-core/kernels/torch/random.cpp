// Random numbers from a generator of our own, which tch cannot name.
//
// `at::detail::createCPUGenerator(seed)` yields the same stream as `torch.manual_seed(seed)`, and leaves the process's
// default generator alone. So models that are created at the same time do not draw from each other's stream.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/core/Generator.h>
#include <c10/core/GradMode.h>

#include "../abi.h"

extern "C" {

void zt_message_free(zt_message message) { zt_words_free(message); }

zt_message zt_generator_new(uint64_t seed, at::Generator** generator) {
  return zt_guard([&] { *generator = new at::Generator(at::detail::createCPUGenerator(seed)); });
}

void zt_generator_free(at::Generator* generator) { delete generator; }

zt_message zt_generator_seed(at::Generator* generator, uint64_t seed) {
  return zt_guard([&] {
    const std::lock_guard<std::mutex> lock(generator->mutex());
    generator->set_current_seed(seed);
  });
}

// Fills a CPU tensor from the uniform distribution on [low, high).
zt_message zt_uniform(const at::Tensor* tensor, double low, double high, const at::Generator* generator) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    at::Tensor(*tensor).uniform_(low, high, *generator);
  });
}

// Fills a CPU tensor from the normal distribution.
zt_message zt_normal(const at::Tensor* tensor, double mean, double deviation, const at::Generator* generator) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    at::Tensor(*tensor).normal_(mean, deviation, *generator);
  });
}

// Fills a CPU tensor with ones, each with the given probability, and zeros.
zt_message zt_bernoulli(const at::Tensor* tensor, double probability, const at::Generator* generator) {
  return zt_guard([&] {
    const at::NoGradGuard no_grad;
    at::Tensor(*tensor).bernoulli_(probability, *generator);
  });
}
}
