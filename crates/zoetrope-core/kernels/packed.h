// Weights as a kernel multiplies them, kept from one inference to the next for as long as they stay.
#pragma once

#include <ATen/ops/empty.h>

#include <initializer_list>
#include <vector>

class zt_packed {
 public:
  // What `pack(float*)` makes of the weights, `size` floats, which follow from the weights' shapes and the kind of
  // packing. Null where `size` is 0, and at the first call with these weights: packing costs as much as it then saves.
  template <typename Pack>
  const float* of(std::initializer_list<at::Tensor> weights, size_t size, const Pack& pack) {
    std::vector<Source> sources;
    for (const at::Tensor& weight : weights) sources.push_back({weight.const_data_ptr(), weight._version()});
    if (size == 0 || size != size_ || !(sources == sources_)) {
      forget();
      sources_ = std::move(sources), size_ = size;
      return nullptr;
    }
    if (!floats_.defined()) {
      const at::Tensor floats = at::empty({static_cast<int64_t>(size)}, at::kFloat);
      pack(floats.mutable_data_ptr<float>());
      floats_ = floats;
    }
    return floats_.const_data_ptr<float>();
  }

  // Lets the memory go: the weights are about to change.
  void forget() {
    floats_.reset();
    sources_.clear();
  }

 private:
  // Every write to a tensor counts its version up: libtorch's operations, and zt_engine_update().
  struct Source {
    const void* data;
    int64_t version;
    bool operator==(const Source& other) const { return data == other.data && version == other.version; }
  };

  std::vector<Source> sources_;
  size_t size_ = 0;
  at::Tensor floats_;
};
