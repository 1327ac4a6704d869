// How many streams each key has, over all worker processes: counts in shared memory that a process that dies does not leave behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "secret_hash.hpp"
#include "shared_heap.hpp"

namespace sse {

// One process's view. A process counts in its slot, a small number that no other process has while this one lives; so whose count it is
// stays known, and is forgotten when the next process takes the slot over, or when this one is found dead.
class PlaceTable {
 public:
  struct Shared;
  struct Entry;

  // Asks the system; under the lock.
  using IsAlive = bool (*)(std::int32_t pid);

  // An empty table for processes with slots below `slots`; null when there is no room. To be called once, before there are processes.
  static Shared* create(SharedHeap& heap, std::size_t buckets, std::size_t slots, const HashSecret& secret);

  // Takes the slot over. Table and heap must outlive the view.
  PlaceTable(Shared& shared, SharedHeap& heap, std::size_t slot, std::int32_t pid, IsAlive is_alive);
  PlaceTable(const PlaceTable&) = delete;
  PlaceTable& operator=(const PlaceTable&) = delete;
  // Gives back all that this process still has.
  ~PlaceTable();

  enum class Outcome : std::uint8_t { taken, limit_reached, no_room };
  struct Taken {
    Outcome outcome;
    Entry* entry;  // what to give back; null unless taken
  };

  // One more place of a key, unless it has `limit` of them already. Keys of different scopes are different keys; both may be of any
  // length.
  Taken take(std::string_view scope, std::string_view key, std::uint64_t limit);
  void give_back(Entry* entry);

 private:
  struct Key;

  Key key_of(std::string_view scope, std::string_view key) const;
  bool is_dead(const Entry& entry) const;
  void retire(std::size_t slot);
  bool retire_the_dead_of(const Key& key);
  void retire_all_dead();
  Entry* find_own(const Key& key, std::uint64_t& total);
  Entry* add_own(const Key& key);
  void clear_bucket(std::size_t bucket);
  void sweep(std::size_t buckets);

  Shared& shared_;
  SharedHeap& heap_;
  const std::size_t slot_;
  const IsAlive is_alive_;
};

}  // namespace sse
