#include "list.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sse {
namespace {

struct ByColour;
struct BySize;

struct Item : ListNode<ByColour>, ListNode<BySize> {
  explicit Item(int its_number) : number(its_number) {}
  int number;
};

using Colours = List<Item, ByColour>;
using Sizes = List<Item, BySize>;

template <class L>
std::vector<int> numbers(const L& list) {
  std::vector<int> numbers;
  for (const Item* item = list.front(); item != nullptr; item = list.after(*item)) {
    numbers.push_back(item->number);
  }
  return numbers;
}

bool is_linked(const Item& item) { return static_cast<const ListNode<ByColour>&>(item).is_linked(); }

class ListTest : public ::testing::Test {
 protected:
  Item one_{1};
  Item two_{2};
  Item three_{3};
};

TEST_F(ListTest, KeepsTheOrderOfPushing) {
  Colours list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(one_);
  list.push_back(two_);
  list.push_back(three_);
  EXPECT_FALSE(list.empty());
  EXPECT_EQ(numbers(list), (std::vector<int>{1, 2, 3}));
}

TEST_F(ListTest, AnElementTakesTheOthersPlace) {
  Colours list;
  list.push_back(one_);
  list.push_back(two_);
  static_cast<ListNode<ByColour>&>(three_).replace(one_);
  EXPECT_EQ(numbers(list), (std::vector<int>{3, 2}));
  EXPECT_FALSE(is_linked(one_));

  static_cast<ListNode<ByColour>&>(three_).replace(one_);  // which is nowhere
  EXPECT_EQ(numbers(list), (std::vector<int>{2}));
  EXPECT_FALSE(is_linked(three_));
}

TEST_F(ListTest, PopTakesTheFirstAndUnlinksIt) {
  Colours list;
  list.push_back(one_);
  list.push_back(two_);
  EXPECT_EQ(list.pop_front(), &one_);
  EXPECT_FALSE(is_linked(one_));
  EXPECT_EQ(list.pop_front(), &two_);
  EXPECT_TRUE(list.empty());
}

TEST_F(ListTest, PushingAgainMovesToTheEnd) {
  Colours list;
  list.push_back(one_);
  list.push_back(two_);
  list.push_back(one_);
  EXPECT_EQ(numbers(list), (std::vector<int>{2, 1}));
  list.push_back(one_);
  EXPECT_EQ(numbers(list), (std::vector<int>{2, 1}));
}

TEST_F(ListTest, PushingToAnotherListLeavesTheFirst) {
  Colours from;
  Colours to;
  from.push_back(one_);
  from.push_back(two_);
  to.push_back(one_);
  EXPECT_EQ(numbers(from), (std::vector<int>{2}));
  EXPECT_EQ(numbers(to), (std::vector<int>{1}));
}

TEST_F(ListTest, UnlinkingTakesOutOfTheMiddleAndTwiceIsAllowed) {
  Colours list;
  for (Item* item : {&one_, &two_, &three_}) {
    list.push_back(*item);
  }
  for (int i = 0; i < 2; ++i) {
    static_cast<ListNode<ByColour>&>(two_).unlink();
    EXPECT_FALSE(is_linked(two_));
    EXPECT_EQ(numbers(list), (std::vector<int>{1, 3}));
  }
}

TEST_F(ListTest, PlacesUnderDifferentTagsAreIndependent) {
  Colours colours;
  Sizes sizes;
  for (Item* item : {&one_, &two_, &three_}) {
    colours.push_back(*item);
  }
  for (Item* item : {&three_, &one_}) {
    sizes.push_back(*item);
  }
  static_cast<ListNode<ByColour>&>(one_).unlink();
  EXPECT_EQ(numbers(colours), (std::vector<int>{2, 3}));
  EXPECT_EQ(numbers(sizes), (std::vector<int>{3, 1}));
}

TEST_F(ListTest, SplicingMovesAllInOrderToTheEnd) {
  Colours to;
  Colours from;
  to.push_back(one_);
  from.push_back(two_);
  from.push_back(three_);
  to.splice_back(from);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(numbers(to), (std::vector<int>{1, 2, 3}));

  // What was moved belongs to its new list in every respect.
  static_cast<ListNode<ByColour>&>(three_).unlink();
  from.push_back(two_);
  EXPECT_EQ(numbers(to), (std::vector<int>{1}));
  EXPECT_EQ(numbers(from), (std::vector<int>{2}));
}

TEST_F(ListTest, SplicingToOrFromAnEmptyListWorks) {
  Colours to;
  Colours from;
  to.splice_back(from);
  EXPECT_TRUE(to.empty());
  from.push_back(one_);
  to.splice_back(from);
  EXPECT_EQ(numbers(to), (std::vector<int>{1}));
  to.splice_back(from);
  EXPECT_EQ(numbers(to), (std::vector<int>{1}));
}

TEST_F(ListTest, ADestroyedElementLeavesItsLists) {
  Colours colours;
  Sizes sizes;
  colours.push_back(one_);
  sizes.push_back(one_);
  {
    Item gone(4);
    colours.push_back(gone);
    sizes.push_back(gone);
    colours.push_back(two_);
  }
  EXPECT_EQ(numbers(colours), (std::vector<int>{1, 2}));
  EXPECT_EQ(numbers(sizes), (std::vector<int>{1}));
}

TEST_F(ListTest, ADestroyedListUnlinksItsElements) {
  auto list = std::make_unique<Colours>();
  list->push_back(one_);
  list->push_back(two_);
  list.reset();
  EXPECT_FALSE(is_linked(one_));
  EXPECT_FALSE(is_linked(two_));
}

TEST_F(ListTest, ClearUnlinksAll) {
  Colours list;
  list.push_back(one_);
  list.push_back(two_);
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(is_linked(one_));
  EXPECT_FALSE(is_linked(two_));
}

}  // namespace
}  // namespace sse
