// A tensor over memory that libtorch did not allocate.

#include <ATen/ops/from_blob.h>

#include <cstdint>
#include <memory>

#include "../abi.h"

extern "C" {

// Makes a row-major CPU tensor over `data`, of float32 or, with `is_bytes`, of uint8. `release(keeper)` is called once,
// on the thread that drops the last tensor over the memory. When no tensor could be made, it is called at once.
zt_message zt_lent(const void* data, const int64_t* shape, int64_t axes, bool is_bytes, void* keeper,
                   void (*release)(void*), at::Tensor** tensor) {
  return zt_guard([&] {
    const std::shared_ptr<void> kept(keeper, release);
    const auto options = at::TensorOptions().dtype(is_bytes ? at::kByte : at::kFloat);
    const at::IntArrayRef sizes(shape, static_cast<size_t>(axes));
    *tensor = new at::Tensor(at::from_blob(const_cast<void*>(data), sizes, [kept](void*) {}, options));
  });
}
}
