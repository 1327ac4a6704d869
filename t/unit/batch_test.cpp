#include "batch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "subscription.hpp"

namespace sse {
namespace {

class BatchTest : public ::testing::Test {
 protected:
  // `size` bytes at `offset` of the memory that all pieces of these tests are of.
  Piece piece(std::size_t offset, std::size_t size) { return {memory_ + offset, size, nullptr, &subscription_, 7, Piece::Source::log}; }

  Piece piece_due(std::size_t offset, std::size_t size, std::uint64_t due_ms) {
    Piece due = piece(offset, size);
    due.due_ms = due_ms;
    return due;
  }

  static std::vector<std::string> contents(const Batch& batch) {
    std::vector<std::string> contents;
    for (const Piece& piece : batch) {
      contents.emplace_back(piece.data, piece.size);
    }
    return contents;
  }

  const char memory_[27] = "abcdefghijklmnopqrstuvwxyz";
  Subscription subscription_;
};

TEST_F(BatchTest, KeepsPiecesInOrder) {
  Batch batch(100);
  EXPECT_TRUE(batch.empty());
  batch.add(piece(4, 2));
  batch.add(piece(0, 3));
  EXPECT_EQ(contents(batch), (std::vector<std::string>{"ef", "abc"}));
  EXPECT_EQ(batch.bytes(), 5u);
  EXPECT_FALSE(batch.is_full());
}

TEST_F(BatchTest, AdjacentBytesOfOneSubscriptionBecomeOnePiece) {
  Batch batch(100);
  batch.add(piece(0, 3));
  batch.add(piece(3, 4));
  EXPECT_EQ(contents(batch), (std::vector<std::string>{"abcdefg"}));
  EXPECT_EQ(batch.bytes(), 7u);
  EXPECT_EQ(batch.begin()->due_ms, 7u);
}

TEST_F(BatchTest, AdjacentBytesOfOthersStayApart) {
  Subscription other;
  Batch batch(100);
  batch.add(piece(0, 3));
  Piece of_other = piece(3, 3);
  of_other.subscription = &other;
  batch.add(of_other);
  Piece of_own = piece(6, 3);
  of_own.source = Piece::Source::own;
  of_own.subscription = &other;
  batch.add(of_own);
  EXPECT_EQ(contents(batch), (std::vector<std::string>{"abc", "def", "ghi"}));
}

TEST_F(BatchTest, TheLimitCutsAPieceShort) {
  Batch batch(5);
  batch.add(piece(0, 3));
  batch.add(piece(10, 4));
  EXPECT_EQ(contents(batch), (std::vector<std::string>{"abc", "kl"}));
  EXPECT_TRUE(batch.is_full());
  batch.add(piece(20, 1));
  EXPECT_EQ(batch.bytes(), 5u);
}

TEST_F(BatchTest, TheLimitCutsAnAdjacentPieceShortToo) {
  Batch batch(5);
  batch.add(piece(0, 3));
  batch.add(piece(3, 10));
  EXPECT_EQ(contents(batch), (std::vector<std::string>{"abcde"}));
  EXPECT_EQ(batch.bytes(), 5u);
}

TEST_F(BatchTest, AnEmptyPieceIsNone) {
  Batch batch(100);
  batch.add(piece(0, 0));
  EXPECT_TRUE(batch.empty());
}

TEST_F(BatchTest, KnowsWhenItsNewestPieceBecameDue) {
  Batch batch(100);
  batch.add(piece_due(0, 3, 7));
  batch.add(piece_due(3, 3, 9));
  batch.add(piece_due(10, 3, 8));
  EXPECT_EQ(batch.newest_due_ms(), 9u);
  EXPECT_FALSE(batch.is_due_limited());
}

TEST_F(BatchTest, TakesNoBytesThatAreMuchNewerOrOlderThanItsFirst) {
  for (const std::uint64_t too_far_ms : {100u - 11, 100u + 11}) {
    Batch batch(100, 10);
    EXPECT_TRUE(batch.is_due_limited());
    batch.add(piece_due(0, 3, 100));
    batch.add(piece_due(3, 3, 110));
    batch.add(piece_due(6, 3, 90));
    batch.add(piece_due(9, 3, too_far_ms));
    EXPECT_TRUE(batch.is_full());
    batch.add(piece_due(9, 3, 100));  // it would overtake the one before
    EXPECT_EQ(contents(batch), (std::vector<std::string>{"abcdefghi"}));
    EXPECT_EQ(batch.newest_due_ms(), 110u);
  }
}

TEST_F(BatchTest, IsFullWhenItHoldsAllThePiecesOfOneSystemCall) {
  Batch batch(1000);
  for (std::size_t i = 0; i < Batch::kMaxPieces; ++i) {
    EXPECT_FALSE(batch.is_full());
    batch.add(piece(i % 2 == 0 ? 0 : 10, 1));
  }
  EXPECT_TRUE(batch.is_full());
  batch.add(piece(20, 1));
  EXPECT_EQ(contents(batch).size(), Batch::kMaxPieces);
  EXPECT_EQ(batch.bytes(), Batch::kMaxPieces);
}

}  // namespace
}  // namespace sse
