// Weights as a kernel multiplies them, kept from one inference to the next for as long as they stay.
#pragma once

#include <ATen/ops/empty.h>

#include <initializer_list>
#include <vector>

// How weights are packed, which follows from the shape of a call: clips of one frame and longer ones ask for two forms.
struct zt_packed_form {
  size_t size;            //        floats; 0 where packing does not pay
  int64_t positions = 1;  //        of features in another order (cpu/lstm.h)
};

class zt_packed {
 public:
  // What `pack(float*)` makes of the weights. Null where `size` is 0 and, as packing costs as much as it saves a call,
  // at the first call of that form with these weights, unless features have another order: nothing else takes those.
  template <typename Pack>
  const float* of(std::initializer_list<at::Tensor> weights, const zt_packed_form& form, const Pack& pack) {
    if (form.size == 0) return nullptr;
    Kept& kept = find(weights, form);
    const bool is_first = !kept.is_known;
    kept.is_known = true;
    if (is_first && form.positions == 1) return nullptr;
    if (!kept.floats.defined()) {
      const at::Tensor floats = at::empty({static_cast<int64_t>(form.size)}, at::kFloat);
      pack(floats.mutable_data_ptr<float>());
      kept.floats = floats;
    }
    return kept.floats.const_data_ptr<float>();
  }

  // Lets the memory go: the weights are about to change.
  void forget() {
    kept_.clear();
    sources_.clear();
  }

 private:
  // Every write to a tensor counts its version up: libtorch's operations, and zt_engine_update().
  struct Source {
    const void* data;
    int64_t version;
    bool operator==(const Source& other) const { return data == other.data && version == other.version; }
  };

  struct Kept {
    zt_packed_form form;
    bool is_known = false;  //  there was a call before
    at::Tensor floats;
  };

  // What there is of that form; nothing of what other weights left.
  Kept& find(std::initializer_list<at::Tensor> weights, const zt_packed_form& form) {
    std::vector<Source> sources;
    for (const at::Tensor& weight : weights) sources.push_back({weight.const_data_ptr(), weight._version()});
    if (!(sources == sources_)) {
      kept_.clear();
      sources_ = std::move(sources);
    }
    for (Kept& kept : kept_)
      if (kept.form.size == form.size && kept.form.positions == form.positions) return kept;
    return kept_.emplace_back(Kept{form, false, at::Tensor()});
  }

  std::vector<Source> sources_;
  std::vector<Kept> kept_;
};
