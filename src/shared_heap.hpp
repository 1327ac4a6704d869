// Memory that several processes have at the same addresses, with a lock for what is in it.
#pragma once

#include <cstddef>

namespace sse {

class SharedHeap {
 public:
  // Between processes; held for microseconds.
  virtual void lock() = 0;
  virtual void unlock() = 0;

  // To be called under the lock. Zeroed memory; null when there is no room.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void free(void* memory) = 0;

 protected:
  ~SharedHeap() = default;
};

class HeapLock {
 public:
  explicit HeapLock(SharedHeap& heap) : heap_(heap) { heap_.lock(); }
  HeapLock(const HeapLock&) = delete;
  HeapLock& operator=(const HeapLock&) = delete;
  ~HeapLock() { heap_.unlock(); }

 private:
  SharedHeap& heap_;
};

}  // namespace sse
