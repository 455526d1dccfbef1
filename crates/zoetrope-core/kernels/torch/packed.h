// Packed weights: weights in the form that a kernel multiplies. They are kept between inferences until the weights
// change.
#pragma once

#include <ATen/ops/empty.h>

#include <vector>

// The form in which weights are packed. It follows from the shape of a call: clips of one frame need another form than
// longer clips.
struct zt_packed_form {
  size_t size;         //        floats; 0 where packing does not pay
  int64_t pixels = 1;  //        of features in another order (cpu/lstm.h)
};

class zt_packed {
 public:
  // The packed weights, which `pack(float*)` makes. Null when `size` is 0. Null also at the first call of that form
  // with these weights, because packing costs as much as it saves in one call. Features in another order are an
  // exception: only packed weights take them.
  template <typename Pack>
  const float* of(const std::vector<at::Tensor>& weights, const zt_packed_form& form, const Pack& pack) {
    if (form.size == 0) return nullptr;
    Kept& kept = find(weights, form);
    const bool is_first = !kept.is_known;
    kept.is_known = true;
    if (is_first && form.pixels == 1) return nullptr;
    if (!kept.floats.defined()) {
      const at::Tensor floats = at::empty({static_cast<int64_t>(form.size)}, at::kFloat);
      pack(floats.mutable_data_ptr<float>());
      kept.floats = floats;
    }
    return kept.floats.const_data_ptr<float>();
  }

  // Frees the memory. Called before the weights change.
  void forget() {
    kept_.clear();
    sources_.clear();
  }

 private:
  // Every write to a tensor increases its version. libtorch's operations do this, and so does zt_engine_update().
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

  // The entry of that form. Entries of other weights are removed first.
  Kept& find(const std::vector<at::Tensor>& weights, const zt_packed_form& form) {
    std::vector<Source> sources;
    for (const at::Tensor& weight : weights) sources.push_back({weight.const_data_ptr(), weight._version()});
    if (!(sources == sources_)) {
      kept_.clear();
      sources_ = std::move(sources);
    }
    for (Kept& kept : kept_)
      if (kept.form.size == form.size && kept.form.pixels == form.pixels) return kept;
    return kept_.emplace_back(Kept{form, false, at::Tensor()});
  }

  std::vector<Source> sources_;
  std::vector<Kept> kept_;
};
