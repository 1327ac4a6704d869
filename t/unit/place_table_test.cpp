#include "place_table.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sse {
namespace {

using Outcome = PlaceTable::Outcome;

constexpr std::size_t kSlots = 16;
constexpr std::size_t kBuckets = 8;

// Memory of this process and its children.
class Mapping {
 public:
  explicit Mapping(std::size_t bytes)
      : bytes_(bytes), memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) {
      throw std::bad_alloc();
    }
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { munmap(memory_, bytes_); }

  void* get() const { return memory_; }

 private:
  std::size_t bytes_;
  void* memory_;
};

// Room for so many entries, behind a lock that is opened again when its holder dies, as nginx's master does it.
class TestHeap final : public SharedHeap {
 public:
  explicit TestHeap(std::size_t entries) : mapping_(sizeof(Root) + kTableBytes + entries * kEntryBytes) {
    root_ = new (mapping_.get()) Root;
    root_->table = reinterpret_cast<char*>(root_ + 1);
    root_->fresh = root_->table + kTableBytes;
    root_->end = root_->fresh + entries * kEntryBytes;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&root_->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }

  void lock() override {
    if (pthread_mutex_lock(&root_->mutex) == EOWNERDEAD) {
      pthread_mutex_consistent(&root_->mutex);
    }
  }
  void unlock() override { pthread_mutex_unlock(&root_->mutex); }

  void* allocate(std::size_t bytes) override {
    void* memory = nullptr;
    if (bytes != kEntryBytes) {  // the table itself
      if (root_->table + bytes > root_->fresh && root_->used == 0) {
        return nullptr;
      }
      memory = root_->table;
      root_->table += (bytes + 15) / 16 * 16;
      return memory;
    }
    if (root_->free != nullptr) {
      memory = root_->free;
      std::memcpy(&root_->free, memory, sizeof(root_->free));
    } else if (root_->fresh != root_->end) {
      memory = root_->fresh;
      root_->fresh += kEntryBytes;
    } else {
      return nullptr;
    }
    ++root_->used;
    std::memset(memory, 0, bytes);
    return memory;
  }

  void free(void* memory) override {
    std::memset(memory, 0xdd, kEntryBytes);
    std::memcpy(memory, &root_->free, sizeof(root_->free));
    root_->free = memory;
    --root_->used;
  }

  std::size_t used() const { return root_->used; }

 private:
  static constexpr std::size_t kEntryBytes = 32;
  static constexpr std::size_t kTableBytes = 4096;

  struct Root {
    pthread_mutex_t mutex;
    void* free = nullptr;
    char* table = nullptr;
    char* fresh = nullptr;
    char* end = nullptr;
    std::size_t used = 0;  // entries
  };

  Mapping mapping_;
  Root* root_;
};

std::set<std::int32_t> dead_pids;

bool is_not_dead(std::int32_t pid) { return dead_pids.count(pid) == 0; }

class PlaceTableTest : public ::testing::Test {
 protected:
  PlaceTableTest() { dead_pids.clear(); }

  std::unique_ptr<PlaceTable> process(std::size_t slot, std::int32_t pid) {
    return std::make_unique<PlaceTable>(*shared_, heap_, slot, pid, is_not_dead);
  }

  // A process that is killed: its view is never destroyed.
  void kill(std::unique_ptr<PlaceTable>& process) { killed_.push_back(std::move(process)); }

  ~PlaceTableTest() override {
    for (auto& process : killed_) {
      ::operator delete(process.release());  // without its destructor
    }
  }

  TestHeap heap_{10};
  PlaceTable::Shared* shared_ = PlaceTable::create(heap_, kBuckets, kSlots, HashSecret{1, 2, 3});
  std::vector<std::unique_ptr<PlaceTable>> killed_;
};

TEST_F(PlaceTableTest, AKeyHasAtMostItsLimitOverAllProcesses) {
  const auto one = process(0, 100);
  const auto two = process(1, 101);
  const auto first = one->take("scope", "key", 3);
  EXPECT_EQ(first.outcome, Outcome::taken);
  EXPECT_EQ(two->take("scope", "key", 3).outcome, Outcome::taken);
  EXPECT_EQ(two->take("scope", "key", 3).outcome, Outcome::taken);
  EXPECT_EQ(one->take("scope", "key", 3).outcome, Outcome::limit_reached);
  EXPECT_EQ(two->take("scope", "key", 3).outcome, Outcome::limit_reached);
  EXPECT_EQ(two->take("scope", "other", 3).outcome, Outcome::taken);
  EXPECT_EQ(one->take("scope", "key", 4).outcome, Outcome::taken) << "another limit for the same key";
  one->give_back(first.entry);
  EXPECT_EQ(two->take("scope", "key", 4).outcome, Outcome::taken);
}

TEST_F(PlaceTableTest, ScopesAreApart) {
  const auto one = process(0, 100);
  EXPECT_EQ(one->take("a", "key", 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("b", "key", 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("", "akey", 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("a", "key", 1).outcome, Outcome::limit_reached);
}

TEST_F(PlaceTableTest, KeysOfAnyLengthAndBytesAreApart) {
  const auto one = process(0, 100);
  const std::string prefix(100'000, 'x');
  EXPECT_EQ(one->take("s", prefix + "1", 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("s", prefix + "2", 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("s", std::string_view("\0a", 2), 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("s", std::string_view("\0b", 2), 1).outcome, Outcome::taken);
  EXPECT_EQ(one->take("s", prefix + "2", 1).outcome, Outcome::limit_reached);
  EXPECT_EQ(one->take("s", std::string_view("\0b", 2), 1).outcome, Outcome::limit_reached);
}

TEST_F(PlaceTableTest, WhatIsGivenBackUsesNoMemory) {
  const auto one = process(0, 100);
  std::vector<PlaceTable::Entry*> entries;
  for (int i = 0; i < 10; ++i) {
    entries.push_back(one->take("s", std::to_string(i), 1).entry);
    entries.push_back(one->take("s", std::to_string(i), 2).entry);
  }
  EXPECT_EQ(heap_.used(), 10U);
  for (PlaceTable::Entry* entry : entries) {
    one->give_back(entry);
  }
  EXPECT_EQ(heap_.used(), 0U);
}

TEST_F(PlaceTableTest, WithoutRoomNothingIsTakenAndKnownKeysGoOn) {
  const auto one = process(0, 100);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(one->take("s", std::to_string(i), 5).outcome, Outcome::taken);
  }
  EXPECT_EQ(one->take("s", "new", 5).outcome, Outcome::no_room);
  EXPECT_EQ(one->take("s", "3", 5).outcome, Outcome::taken);
}

TEST_F(PlaceTableTest, WhoTakesASlotOverDoesNotInheritItsCounts) {
  auto killed = process(0, 100);
  EXPECT_EQ(killed->take("s", "key", 1).outcome, Outcome::taken);
  kill(killed);
  const auto next = process(0, 102);
  EXPECT_EQ(next->take("s", "key", 1).outcome, Outcome::taken);
  EXPECT_EQ(next->take("s", "key", 1).outcome, Outcome::limit_reached);
}

TEST_F(PlaceTableTest, TheCountsOfADeadProcessDoNotRefuseAnybody) {
  auto killed = process(0, 100);
  const auto other = process(1, 101);
  EXPECT_EQ(killed->take("s", "key", 1).outcome, Outcome::taken);
  EXPECT_EQ(other->take("s", "key", 1).outcome, Outcome::limit_reached);
  dead_pids.insert(100);
  kill(killed);
  EXPECT_EQ(other->take("s", "key", 1).outcome, Outcome::taken);
  EXPECT_EQ(other->take("s", "key", 1).outcome, Outcome::limit_reached);
}

TEST_F(PlaceTableTest, TheRoomOfADeadProcessIsUsedAgain) {
  auto killed = process(0, 100);
  const auto other = process(1, 101);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(killed->take("s", std::to_string(i), 5).outcome, Outcome::taken);
  }
  EXPECT_EQ(other->take("s", "new", 5).outcome, Outcome::no_room);
  dead_pids.insert(100);
  kill(killed);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(other->take("s", "new" + std::to_string(i), 5).outcome, Outcome::taken);
  }
}

TEST_F(PlaceTableTest, DeadCountsAreSweptOnTheWay) {
  auto killed = process(0, 100);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(killed->take("s", std::to_string(i), 5).outcome, Outcome::taken);
  }
  kill(killed);
  const auto next = process(0, 102);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    EXPECT_EQ(next->take("s", "key", 100).outcome, Outcome::taken);
  }
  EXPECT_EQ(heap_.used(), 1U);
}

TEST_F(PlaceTableTest, AProcessThatEndsGivesBackAll) {
  const auto other = process(1, 101);
  {
    const auto one = process(0, 100);
    EXPECT_EQ(one->take("s", "key", 1).outcome, Outcome::taken);
  }
  EXPECT_EQ(other->take("s", "key", 1).outcome, Outcome::taken);
}

// Against a map that knows who has what. A failure names its seed and step.
TEST_F(PlaceTableTest, DoesWhatAMapWouldInRandomLives) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    dead_pids.clear();
    TestHeap heap(12);
    PlaceTable::Shared* shared = PlaceTable::create(heap, kBuckets, kSlots, HashSecret{4});
    struct Process {
      std::unique_ptr<PlaceTable> table;
      std::int32_t pid = 0;
      std::multimap<std::string, PlaceTable::Entry*> places;
    };
    std::array<Process, 4> processes;  // by slot
    std::int32_t next_pid = 1;
    for (int step = 0; step < 400; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      const std::size_t slot = below(processes.size());
      Process& process = processes[slot];
      if (process.table == nullptr) {
        process.pid = next_pid++;
        process.table = std::make_unique<PlaceTable>(*shared, heap, slot, process.pid, is_not_dead);
      } else if (below(40) == 0) {  // it ends, or is killed
        process.places.clear();
        if (below(2) == 0) {
          process.table.reset();
        } else {
          dead_pids.insert(process.pid);
          ::operator delete(process.table.release());
        }
      } else if (below(2) == 0 && !process.places.empty()) {
        auto place = process.places.begin();
        std::advance(place, static_cast<std::ptrdiff_t>(below(process.places.size())));
        process.table->give_back(place->second);
        process.places.erase(place);
      } else {
        const std::string key = std::to_string(below(8));
        const std::size_t limit = 1 + below(5);
        std::size_t total = 0;
        std::size_t entries = 0;
        for (const Process& each : processes) {
          total += each.places.count(key);
          for (auto place = each.places.begin(); place != each.places.end(); place = each.places.upper_bound(place->first)) {
            ++entries;
          }
        }
        const auto taken = process.table->take("s", key, limit);
        if (total >= limit) {
          ASSERT_EQ(taken.outcome, Outcome::limit_reached);
        } else if (entries == 12 && process.places.count(key) == 0) {
          ASSERT_EQ(taken.outcome, Outcome::no_room);
        } else {
          ASSERT_EQ(taken.outcome, Outcome::taken);
          process.places.emplace(key, taken.entry);
        }
      }
    }
    for (Process& process : processes) {
      if (process.table != nullptr) {
        for (const auto& [key, entry] : process.places) {
          process.table->give_back(entry);
        }
      }
    }
  }
}

bool is_process(std::int32_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

constexpr std::size_t kKeys = 5;
constexpr int kLimit = 7;

// What processes really hold of each key: counted after it was taken and before it is given back, so never more than the table's count.
struct Held {
  std::array<std::atomic<int>, kKeys> of_key{};
  std::atomic<int> violations{0};
  std::atomic<int> refusals{0};
};

[[noreturn]] void hammer(PlaceTable::Shared& shared, SharedHeap& heap, std::size_t slot, Held& held, bool forever) {
  PlaceTable table(shared, heap, slot, getpid(), is_process);
  std::mt19937_64 random(slot);
  std::array<std::vector<PlaceTable::Entry*>, kKeys> mine;
  for (int step = 0; forever || step < 20'000; ++step) {
    const std::size_t key = random() % kKeys;
    if (random() % 2 == 0 && !mine[key].empty()) {
      --held.of_key[key];
      table.give_back(mine[key].back());
      mine[key].pop_back();
    } else {
      const auto taken = table.take("s", std::to_string(key), kLimit);
      if (taken.outcome == Outcome::taken) {
        mine[key].push_back(taken.entry);
        held.violations += ++held.of_key[key] > kLimit && !forever ? 1 : 0;
      } else {
        ++held.refusals;
      }
    }
  }
  for (std::size_t key = 0; key < kKeys; ++key) {
    for (PlaceTable::Entry* entry : mine[key]) {
      --held.of_key[key];
      table.give_back(entry);
    }
  }
  _exit(0);
}

TEST(PlaceTableOfProcesses, NeverGivesMoreThanTheLimitAndLosesNothing) {
  TestHeap heap(100);
  PlaceTable::Shared* shared = PlaceTable::create(heap, kBuckets, kSlots, HashSecret{});
  const Mapping mapping(sizeof(Held));
  auto& held = *new (mapping.get()) Held;
  std::vector<pid_t> children;
  for (std::size_t slot = 1; slot <= 4; ++slot) {
    children.push_back(fork());
    if (children.back() == 0) {
      hammer(*shared, heap, slot, held, false);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(held.violations, 0);
  EXPECT_GT(held.refusals, 100);
  EXPECT_EQ(heap.used(), 0U);
}

// The lock is opened again, the table is whole, and nothing of the dead counts.
TEST(PlaceTableOfProcesses, SurviveThatOneIsKilledAnywhere) {
  TestHeap heap(1000);  // a kill between a chain and the heap may cost an entry
  PlaceTable::Shared* shared = PlaceTable::create(heap, kBuckets, kSlots, HashSecret{});
  const Mapping mapping(sizeof(Held));
  auto& held = *new (mapping.get()) Held;
  PlaceTable table(*shared, heap, 0, getpid(), is_process);
  for (int round = 0; round < 40; ++round) {
    std::vector<pid_t> children;
    for (std::size_t slot = 1; slot <= 2; ++slot) {
      children.push_back(fork());
      if (children.back() == 0) {
        hammer(*shared, heap, slot, held, true);
      }
    }
    const int before = held.refusals;
    while (held.refusals - before < 50) {  // they are in the middle of it
      usleep(100);
    }
    for (const pid_t child : children) {
      ::kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
    std::vector<PlaceTable::Entry*> entries;
    for (std::size_t key = 0; key < kKeys; ++key) {
      for (int i = 0; i < kLimit; ++i) {
        const auto taken = table.take("s", std::to_string(key), kLimit);
        ASSERT_EQ(taken.outcome, Outcome::taken) << "round " << round;
        entries.push_back(taken.entry);
      }
      ASSERT_EQ(table.take("s", std::to_string(key), kLimit).outcome, Outcome::limit_reached);
    }
    for (PlaceTable::Entry* entry : entries) {
      table.give_back(entry);
    }
  }
}

}  // namespace
}  // namespace sse
