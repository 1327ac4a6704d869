#include "encoding.hpp"

#include <gtest/gtest.h>

namespace sse {
namespace {

TEST(Encoding, AnyDifferenceMakesEncodingsUnequal) {
  const Encoding base;
  EXPECT_TRUE(base == Encoding());
  EXPECT_FALSE(base != Encoding());

  Encoding other = base;
  other.payload = PayloadForm::json;
  EXPECT_TRUE(other != base);

  other = base;
  other.default_event.kind = DefaultEvent::Kind::channel;
  EXPECT_TRUE(other != base);

  other = base;
  other.default_event.name = "tick";
  EXPECT_TRUE(other != base);

  other = base;
  other.reset_event = "lost";
  EXPECT_TRUE(other != base);

  other = base;
  other.framing = Framing::chunked;
  EXPECT_TRUE(other != base);

  other = base;
  other.entry_ids = false;
  EXPECT_TRUE(other != base);
}

}  // namespace
}  // namespace sse
