// The one thing that JSON's grammar permits and UTF-8 cannot hold.
#pragma once

#include <string>

namespace sse {

// Replaces the escape of half a surrogate pair by that of U+FFFD, as any other invalid character. Such an escape is what remains when
// JavaScript cuts a string inside an emoji; RapidJSON would reject the whole text for it.
void replace_lone_surrogates(std::string& json);

}  // namespace sse
