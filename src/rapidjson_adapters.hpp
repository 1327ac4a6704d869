// RapidJSON on this project's terms: out of memory is std::bad_alloc, text is written to a std::string.
#pragma once

// RapidJSON 1.1 looks for room on an empty stack by adding to a null pointer: harmless, but reported by clang's sanitizer.
#if defined(__clang__) && !defined(RAPIDJSON_FORCEINLINE)
#define RAPIDJSON_FORCEINLINE __attribute__((no_sanitize("pointer-overflow")))
#endif

#include <rapidjson/reader.h>
#include <rapidjson/writer.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

namespace sse {

// RapidJSON's own allocator gives out null, which its stacks do not check.
class ThrowingAllocator {
 public:
  static constexpr bool kNeedFree = true;

  void* Malloc(std::size_t size) { return size == 0 ? nullptr : checked(std::malloc(size)); }
  void* Realloc(void* memory, std::size_t, std::size_t size) {
    if (size == 0) {
      std::free(memory);
      return nullptr;
    }
    return checked(std::realloc(memory, size));
  }
  static void Free(void* memory) { std::free(memory); }

  bool operator==(const ThrowingAllocator&) const { return true; }
  bool operator!=(const ThrowingAllocator&) const { return false; }

 private:
  static void* checked(void* memory) {
    if (memory == nullptr) {
      throw std::bad_alloc();
    }
    return memory;
  }
};

// RapidJSON's output stream, on a string.
struct StringSink {
  using Ch = char;

  void Put(char c) { text.push_back(c); }
  void Flush() {}

  std::string text;
};

using JsonReader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator>;
using JsonWriter = rapidjson::Writer<StringSink, rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator>;

}  // namespace sse
