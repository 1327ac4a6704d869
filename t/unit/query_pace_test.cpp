// How many questions are under way at once, and whose turn comes first.
#include "query_pace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fake_redis.hpp"
#include "redis_session.hpp"
#include "stream_page.hpp"

namespace sse {
namespace {

using test::FakeTransport;

constexpr std::size_t kMiB = std::size_t{1} << 20U;

class QueryPaceTest : public ::testing::Test, private redis::SessionObserver {
 protected:
  class Question final : public PacedQuestion, private redis::ReplyHandler {
   public:
    Question(QueryPaceTest& test, int number) : test_(test), number_(number) {}

   private:
    void send(std::uint64_t now_ms) override {
      test_.sent.push_back(number_);
      test_.session_.request({redis::RequestKind::read, nullptr, this}, {"XRANGE"}, now_ms);
    }
    void on_reply(const redis::Request&, redis::ReplyView, std::uint64_t now_ms) override { test_.pace.answered(*this, now_ms); }

    QueryPaceTest& test_;
    int number_;
  };

  QueryPaceTest() { connect(); }

  void connect() {
    session_.connected(0);
    EXPECT_TRUE(session_.receive(test::hello_reply(), 0));
  }
  void cut() {
    session_.disconnected();
    pace.connection_lost();
  }

  Question& ask(int number, Urgency urgency = Urgency::idle, std::size_t expected_bytes = 0) {
    questions.push_back(std::make_unique<Question>(*this, number));
    pace.ask(*questions.back(), expected_bytes, urgency, 0);
    return *questions.back();
  }
  void ask_many(int count, Urgency urgency = Urgency::idle, std::size_t expected_bytes = 0) {
    for (int i = 0; i < count; ++i) {
      ask(static_cast<int>(questions.size()), urgency, expected_bytes);
    }
  }

  // To the oldest question.
  void answer(std::size_t bytes) {
    EXPECT_TRUE(session_.receive('$' + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n", 0));
    ++answered;
  }
  void answer_many(int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) {
      answer(bytes);
    }
  }
  std::size_t under_way() const { return sent.size() - answered; }
  // Nothing is usual any more but small answers.
  void calm() {
    ask_many(200);
    answer_many(200, 10);
    ASSERT_EQ(under_way(), 0u);
    sent.clear();
    answered = 0;
  }

  void on_ready(const redis::ServerInfo&, std::uint64_t) override {}
  void on_reply(const redis::Request&, redis::ReplyView, std::uint64_t) override {}
  void on_push(redis::ReplyView, std::uint64_t) override {}

  FakeTransport transport_;
  redis::Session session_{{"", "", 0, "me"}, *this, transport_, {}, 0};

 public:
  QueryPace pace{session_};
  std::vector<std::unique_ptr<Question>> questions;
  std::vector<int> sent;
  std::size_t answered = 0;
};

TEST_F(QueryPaceTest, ANewConnectionBeginsAsIfEachAnswerWereAPage) {
  ask_many(100);
  EXPECT_EQ(under_way(), QueryPace::kMostBytes / StreamPages::kPageBytes);
}

TEST_F(QueryPaceTest, SmallAnswersMakeRoomForHundreds) {
  ask_many(2000);
  answer_many(1000, 100);
  EXPECT_EQ(under_way(), 512u);
  answer_many(1000, 100);
  EXPECT_EQ(sent.size(), 2000u);
}

TEST_F(QueryPaceTest, WhenAnswersTurnOutLargeFewAreUnderWay) {
  calm();
  ask_many(2000);
  EXPECT_EQ(under_way(), 512u);
  answer_many(530, kMiB);
  EXPECT_LE(under_way(), 4u);
  EXPECT_GE(under_way(), 3u);
}

TEST_F(QueryPaceTest, WhatIsExpectedCounts) {
  calm();
  ask_many(100, Urgency::idle, kMiB);
  EXPECT_EQ(under_way(), 4u);
}

TEST_F(QueryPaceTest, WhatIsLargerThanAllThatMayBeGoesAlone) {
  calm();
  ask_many(3, Urgency::idle, 64 * kMiB);
  EXPECT_EQ(under_way(), 1u);
  answer(10);
  EXPECT_EQ(sent, (std::vector<int>{200, 201}));
}

TEST_F(QueryPaceTest, WhoIsWaitedForGoesFirstAndInOrder) {
  calm();
  ask(1, Urgency::idle, 64 * kMiB);
  ask(2, Urgency::idle);
  ask(3, Urgency::prompt);
  Question& hurried = ask(4, Urgency::idle);
  ask(5, Urgency::prompt);
  pace.hurry(*questions[questions.size() - 3]);  // it is prompt: it keeps its place
  pace.hurry(hurried);
  answer(10);
  EXPECT_EQ(sent, (std::vector<int>{1, 3, 5, 4, 2}));
}

TEST_F(QueryPaceTest, WhoIsNotWaitedForComesEvenIfOthersAreAlwaysInAHurry) {
  calm();
  ask(1, Urgency::idle, 64 * kMiB);
  ask(2, Urgency::idle);
  for (int i = 0; i < 20; ++i) {
    ask(100 + i, Urgency::prompt, 64 * kMiB);
  }
  answer_many(10, 10);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), 2), 1);
  EXPECT_GE(std::count(sent.begin(), sent.end(), 100 + 7), 1);
}

TEST_F(QueryPaceTest, WhoGoesAwayWhileItWaitsIsNotAsked) {
  calm();
  ask(1, Urgency::idle, 64 * kMiB);
  ask(2);
  ask(3);
  questions.erase(questions.end() - 2);
  answer(10);
  EXPECT_EQ(sent, (std::vector<int>{1, 3}));
}

TEST_F(QueryPaceTest, ABrokenConnectionLeavesNothingBehind) {
  calm();
  ask_many(100, Urgency::idle, 64 * kMiB);
  cut();
  sent.clear();
  connect();
  for (const auto& question : questions) {
    EXPECT_FALSE(question->is_waiting());
  }
  ask_many(100);
  EXPECT_EQ(sent.size(), 4u);
}

}  // namespace
}  // namespace sse
