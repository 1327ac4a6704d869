// A secret of this process, or of all workers.
#pragma once

#include <unistd.h>

#include "ngx.hpp"
#include "secret_hash.hpp"

namespace sse::ngx {

inline HashSecret make_hash_secret() {
  HashSecret secret;
  if (getentropy(secret.data(), sizeof(secret)) != 0) {
    for (unsigned char& byte : secret) {  // guessable, and better than none
      byte = static_cast<unsigned char>(ngx_random());
    }
  }
  return secret;
}

}  // namespace sse::ngx
