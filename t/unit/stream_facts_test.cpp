#include "stream_facts.hpp"

#include "reply_reader.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sse {
namespace {

std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }
std::string number(const std::string& text) { return ":" + text + "\r\n"; }
std::string entry(const std::string& id) { return "*2\r\n" + bulk(id) + "*2\r\n" + bulk("data") + bulk("hello"); }

const std::string kNil = "$-1\r\n";

// The members of an answer, in the order in which Redis 7.0 gives them. A test changes some.
using Members = std::vector<std::pair<std::string, std::string>>;

const Members kStream = {{"length", number("2")},
                         {"radix-tree-keys", number("1")},
                         {"radix-tree-nodes", number("2")},
                         {"last-generated-id", bulk("9-1")},
                         {"max-deleted-entry-id", bulk("4-0")},
                         {"entries-added", number("12")},
                         {"recorded-first-entry-id", bulk("3-0")},
                         {"groups", number("0")},
                         {"first-entry", entry("3-0")},
                         {"last-entry", entry("9-1")}};

Members with(Members members, const std::string& name, const std::string& value) {
  for (auto& [its_name, its_value] : members) {
    if (its_name == name) {
      its_value = value;
      return members;
    }
  }
  members.emplace_back(name, value);
  return members;
}

Members without(const std::string& name) {
  Members members;
  for (const auto& member : kStream) {
    if (member.first != name) {
      members.push_back(member);
    }
  }
  return members;
}

std::string answer(const Members& members) {
  std::string bytes = "*" + std::to_string(2 * members.size()) + "\r\n";
  for (const auto& [name, value] : members) {
    bytes += bulk(name) + value;
  }
  return bytes;
}

std::optional<StreamFacts> parse(const std::string& bytes) {
  redis::ReplyReader reader({});
  redis::ReplyView reply;
  EXPECT_TRUE(reader.feed(bytes));
  EXPECT_EQ(reader.next(reply), redis::ReplyReader::Result::reply) << bytes;
  return parse_stream_facts(reply);
}

TEST(StreamFacts, AreReadFromTheAnswer) {
  const auto facts = parse(answer(kStream));
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->exists);
  EXPECT_EQ(facts->length, 2U);
  EXPECT_EQ(facts->last_generated, (StreamId{9, 1}));
  EXPECT_EQ(facts->max_deleted, (StreamId{4, 0}));
  EXPECT_EQ(facts->entries_added, 12U);
  EXPECT_EQ(facts->first, (StreamId{3, 0}));
  EXPECT_EQ(facts->last, (StreamId{9, 1}));
}

TEST(StreamFacts, OfAnEmptyStreamHaveNoEntries) {
  Members members = with(with(with(kStream, "length", number("0")), "first-entry", kNil), "last-entry", kNil);
  const auto facts = parse(answer(members));
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->exists);
  EXPECT_FALSE(facts->first);
  EXPECT_FALSE(facts->last);
  members = with(members, "last-entry", "*-1\r\n");
  EXPECT_TRUE(parse(answer(members))) << "a nil may be of an array";
}

TEST(StreamFacts, OfAMissingKeyAreThatItIsMissing) {
  const auto facts = parse("-ERR no such key\r\n");
  ASSERT_TRUE(facts);
  EXPECT_FALSE(facts->exists);
}

TEST(StreamFacts, DoNotMindWhatIsNotKnown) {
  EXPECT_TRUE(parse(answer(with(kStream, "idmp-duration", entry("x")))));
  EXPECT_TRUE(parse(answer(with(kStream, "", kNil))));
}

TEST(StreamFacts, AreNotReadFromAnyOtherError) {
  for (const std::string error :
       {"WRONGTYPE Operation against a key holding the wrong kind of value", "LOADING Redis is loading the dataset in memory",
        "NOPERM no such key", "ERR no such key for you", "ERR", "MASTERDOWN Link with MASTER is down"}) {
    EXPECT_FALSE(parse("-" + error + "\r\n")) << error;
  }
}

TEST(StreamFacts, AreNotReadFromAnotherShape) {
  std::vector<std::string> wrong = {"*0\r\n",
                                    "*-1\r\n",
                                    "$-1\r\n",
                                    ":3\r\n",
                                    "+OK\r\n",
                                    bulk("ERR no such key"),
                                    entry("1-0"),
                                    "*1\r\n" + bulk("length"),
                                    "*2\r\n" + entry("1-0") + entry("1-0")};
  std::string odd = answer(kStream) + bulk("length");
  odd.replace(0, 3, "*21");
  wrong.push_back(odd);
  for (const std::string& bytes : wrong) {
    EXPECT_FALSE(parse(bytes)) << bytes;
  }
}

TEST(StreamFacts, NeedEveryMember) {
  for (const auto& [name, value] : kStream) {
    const bool is_needed = name != "radix-tree-keys" && name != "radix-tree-nodes" && name != "recorded-first-entry-id" && name != "groups";
    EXPECT_EQ(parse(answer(without(name))).has_value(), !is_needed) << name;
  }
}

TEST(StreamFacts, NeedTheRightTypes) {
  for (const char* name : {"length", "entries-added"}) {
    for (const std::string& value : {number("-1"), bulk("2"), kNil, entry("1-0")}) {
      EXPECT_FALSE(parse(answer(with(kStream, name, value)))) << name << " " << value;
    }
  }
  for (const char* name : {"last-generated-id", "max-deleted-entry-id"}) {
    for (const std::string& value : {bulk("9-x"), bulk(""), number("9"), kNil, entry("9-1")}) {
      EXPECT_FALSE(parse(answer(with(kStream, name, value)))) << name << " " << value;
    }
  }
  for (const char* name : {"first-entry", "last-entry"}) {
    for (const std::string& value : {entry("9-x"), bulk("9-1"), number("9"), std::string("*0\r\n"), "*1\r\n" + entry("9-1"), kNil}) {
      EXPECT_FALSE(parse(answer(with(kStream, name, value)))) << name << " " << value;
    }
  }
}

TEST(StreamFacts, DoNotTakeWhatFollowsAnEmptyEntryForItsId) {
  EXPECT_FALSE(parse(answer(with(with(kStream, "last-entry", "*0\r\n"), "9-1", kNil))));
}

TEST(StreamFacts, MayNotContradictEachOther) {
  EXPECT_FALSE(parse(answer(with(kStream, "length", number("0")))));
  EXPECT_FALSE(parse(answer(with(kStream, "first-entry", entry("9-2")))));
  EXPECT_FALSE(parse(answer(with(kStream, "first-entry", entry("0-0")))));
  EXPECT_FALSE(parse(answer(with(kStream, "last-generated-id", bulk("9-0")))));
}

}  // namespace
}  // namespace sse
