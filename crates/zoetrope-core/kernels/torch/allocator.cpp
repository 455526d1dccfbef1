// A caching allocator for libtorch's CPU tensors.
//
// The C library gives a large block back to the system when the block is freed. The next step then faults every page in
// again, which takes a third of a training step. This allocator keeps freed blocks of kSmallest bytes and more, by size
// class, and gives them out again. When the class has no block, a block of up to four times the size is given out:
// batches of clips of different lengths have tensors of many sizes.
//
// Live and kept bytes together stay below kSlack times the most that was ever live. Beyond that, the block that lay
// unused longest goes back to the system.
//
// A block begins with a header of 64 bytes, so that any thread can free it by its address alone. Data are aligned to 64
// bytes. Large blocks lie on huge pages where the system offers them.

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "../abi.h"

namespace {

constexpr size_t kHeader = 64;
constexpr size_t kSmallest = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLargest = size_t{1} << 46;
constexpr int kSteps = 8;  //          size classes between two powers of two: at most an eighth is wasted
constexpr int kClasses = 31 * kSteps;
constexpr int kReach = 2 * kSteps;  //    classes up from a request's own: to four times its size
constexpr double kSlack = 1.5;
constexpr uint8_t kPriority = 1;  //  libtorch's own allocator has 0

struct Block {
  size_t bytes;  //   header included; of a small block: 0
  int size_class;
  Block *newer, *older;     //  neighbours in the class's list
  Block *fresher, *staler;  //  neighbours among all that are kept
};
static_assert(sizeof(Block) <= kHeader);

// The class of `bytes`, which become the size of its blocks.
int size_class(size_t& bytes) {
  int power = 0;
  while ((kSmallest << (power + 1)) <= bytes) ++power;
  const size_t step = (kSmallest << power) / kSteps;
  const size_t steps = (bytes - (kSmallest << power) + step - 1) / step;
  bytes = (kSmallest << power) + steps * step;
  return power * kSteps + static_cast<int>(steps);
}

void* map(size_t bytes) {
#if defined(__linux__)
  const size_t extra = bytes >= kHugePage ? kHugePage : 0;
  void* const mapped = mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (extra == 0) return mapped;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > begin) munmap(mapped, aligned - begin);
  if (begin + extra > aligned) munmap(reinterpret_cast<void*>(aligned + bytes), begin + extra - aligned);
  madvise(reinterpret_cast<void*>(aligned), bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
#else
  void* block = nullptr;
  return posix_memalign(&block, kHeader, bytes) == 0 ? block : nullptr;
#endif
}

void unmap(Block* block) {
#if defined(__linux__)
  munmap(block, block->bytes);
#else
  std::free(block);
#endif
}

class Cache {
 public:
  // A kept block of the class or of the next larger ones, or null. The bytes count as live at once.
  Block* take(int size_class, size_t bytes) {
    Block *block, *stale;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      block = fitting(size_class);
      if (block != nullptr) remove(block);
      live_ += block != nullptr ? block->bytes : bytes;
      if (live_ > peak_) peak_ = live_;
      stale = surplus();
    }
    release(stale);
    return block;
  }

  void keep(Block* block) {
    Block* stale;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      live_ -= block->bytes;
      insert(block);
      stale = surplus();
    }
    release(stale);
  }

  void not_taken(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    live_ -= bytes;
  }

  // Gives every kept block back to the system. The bound of kept bytes then follows from the bytes that are live now.
  void clear() {
    Block* all;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      peak_ = live_;
      all = evict_above(0);
    }
    release(all);
  }

  size_t kept() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return kept_;
  }

  size_t live() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return live_;
  }

 private:
  Block* fitting(int size_class) {
    for (int at = size_class; at < kClasses && at <= size_class + kReach; ++at)
      if (newest_[at] != nullptr) return newest_[at];
    return nullptr;
  }

  void insert(Block* block) {
    Block*& newest = newest_[block->size_class];
    block->newer = nullptr, block->older = newest;
    if (newest != nullptr) newest->newer = block;
    newest = block;
    block->fresher = nullptr, block->staler = freshest_;
    (freshest_ != nullptr ? freshest_->fresher : stalest_) = block;
    freshest_ = block;
    kept_ += block->bytes;
  }

  void remove(Block* block) {
    (block->newer != nullptr ? block->newer->older : newest_[block->size_class]) = block->older;
    if (block->older != nullptr) block->older->newer = block->newer;
    (block->fresher != nullptr ? block->fresher->staler : freshest_) = block->staler;
    (block->staler != nullptr ? block->staler->fresher : stalest_) = block->fresher;
    kept_ -= block->bytes;
  }

  // Removes the stalest blocks until at most `bytes` are kept: a list through `older`.
  Block* evict_above(size_t bytes) {
    Block* evicted = nullptr;
    while (kept_ > bytes) {
      Block* const block = stalest_;
      remove(block);
      block->older = evicted;
      evicted = block;
    }
    return evicted;
  }

  Block* surplus() {
    const size_t bound = static_cast<size_t>(static_cast<double>(peak_) * kSlack);
    return evict_above(bound - live_);
  }

  static void release(Block* block) {
    while (block != nullptr) {
      Block* const next = block->older;
      unmap(block);
      block = next;
    }
  }

  std::mutex mutex_;
  Block* newest_[kClasses] = {};
  Block *freshest_ = nullptr, *stalest_ = nullptr;
  size_t live_ = 0, kept_ = 0, peak_ = 0;
};

// Never destroyed: tensors are freed while the process exits.
Cache& cache() {
  static Cache* const cache = new Cache;
  return *cache;
}

Block* allocate_block(size_t count) {
  if (count > kLargest) return nullptr;
  size_t bytes = count + kHeader;
  if (count < kSmallest) {
    void* block = nullptr;
    if (posix_memalign(&block, kHeader, bytes) != 0) return nullptr;
    static_cast<Block*>(block)->bytes = 0;
    return static_cast<Block*>(block);
  }
  const int of = size_class(bytes);
  Block* block = cache().take(of, bytes);
  if (block != nullptr) return block;
  block = static_cast<Block*>(map(bytes));
  if (block == nullptr) {  //  the kept blocks may be the memory that is missing
    cache().clear();
    block = static_cast<Block*>(map(bytes));
  }
  if (block == nullptr) {
    cache().not_taken(bytes);
    return nullptr;
  }
  block->bytes = bytes;
  block->size_class = of;
  return block;
}

void free_data(void* data) {
  if (data == nullptr) return;
  Block* const block = reinterpret_cast<Block*>(static_cast<char*>(data) - kHeader);
  if (block->bytes == 0) {
    std::free(block);
  } else {
    cache().keep(block);
  }
}

struct CachingAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t count) override {
    if (count == 0) return {nullptr, nullptr, &free_data, c10::Device(c10::DeviceType::CPU)};
    Block* const block = allocate_block(count);
    TORCH_CHECK_WITH(OutOfMemoryError, block != nullptr, "can't allocate memory: ", count, " bytes");
    void* const data = reinterpret_cast<char*>(block) + kHeader;
    return {data, data, &free_data, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_data; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
};

}  // namespace

extern "C" {

// From now on every CPU tensor of the process is allocated here. Twice is fine; not while other threads allocate.
zt_message zt_install_allocator() {
  return zt_guard([] {
    static CachingAllocator* const allocator = new CachingAllocator;
    c10::SetCPUAllocator(allocator, kPriority);
  });
}

// Gives the memory that is kept for reuse back to the system.
void zt_release_cache() { cache().clear(); }

// Bytes kept for reuse, and bytes in use by tensors of 64 KiB and more.
size_t zt_cached_bytes() { return cache().kept(); }
size_t zt_live_bytes() { return cache().live(); }
}
