// Memory that is kept from message to message, so that the usual message allocates nothing.
#pragma once

#include <cstddef>

namespace sse {

// What a piece of scratch memory may hold while there is nothing to do.
inline constexpr std::size_t kScratchBytes = 256 * std::size_t{1024};

// Empties a string or vector for its next use. What an unusually large message made of it is given back.
template <class Container>
void recycle(Container& container) {
  if (container.capacity() * sizeof(typename Container::value_type) > kScratchBytes) {
    Container().swap(container);
  } else {
    container.clear();
  }
}

}  // namespace sse
