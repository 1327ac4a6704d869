#include "place_table.hpp"

#include <sodium/crypto_shorthash_siphash24.h>

#include <algorithm>
#include <string>

namespace sse {

namespace {

// Buckets: so that nobody waits for a long sweep.
constexpr std::size_t kSweptBesides = 2;     // with each take
constexpr std::size_t kSweptForRoom = 1024;  // when there is none

}  // namespace

// 128 bits of a keyed hash stand for the key itself: keys of any length cost the same, and nobody can find two with the same hash.
struct PlaceTable::Key {
  std::uint64_t low;
  std::uint64_t high;

  bool operator==(const Key& other) const { return low == other.low && high == other.high; }
};

// The count of one key in one process. Invariant: it is above 0, unless the entry is dead: its generation is not its slot's any more.
struct PlaceTable::Entry {
  Key key;
  Entry* next;
  std::uint32_t count;
  std::uint16_t slot;
  std::uint16_t generation;
};

struct Bucket {
  PlaceTable::Entry* first;
};

struct Slot {
  std::int32_t pid;  // 0: nobody
  std::uint16_t generation;
};

struct PlaceTable::Shared {
  HashSecret secret;
  std::size_t mask;  // number of buckets - 1
  Bucket* buckets;
  std::size_t slots_size;
  Slot* slots;
  std::size_t to_sweep;  // so many buckets may hold dead entries: those that end at the hand, going round
  std::size_t hand;
};

PlaceTable::Shared* PlaceTable::create(SharedHeap& heap, std::size_t buckets, std::size_t slots, const HashSecret& secret) {
  static_assert(sizeof(Entry) == 32, "a size of nginx's slab allocator");
  std::size_t size = 1;
  while (size * 2 <= buckets) {
    size *= 2;
  }
  const HeapLock lock(heap);
  auto* shared = static_cast<Shared*>(heap.allocate(sizeof(Shared)));
  auto* all_buckets = static_cast<Bucket*>(heap.allocate(size * sizeof(Bucket)));
  auto* all_slots = static_cast<Slot*>(heap.allocate(slots * sizeof(Slot)));
  if (shared == nullptr || all_buckets == nullptr || all_slots == nullptr) {
    return nullptr;
  }
  *shared = {secret, size - 1, all_buckets, slots, all_slots, 0, 0};
  return shared;
}

PlaceTable::PlaceTable(Shared& shared, SharedHeap& heap, std::size_t slot, std::int32_t pid, IsAlive is_alive)
    : shared_(shared), heap_(heap), slot_(slot), is_alive_(is_alive) {
  const HeapLock lock(heap_);
  retire(slot_);
  shared_.slots[slot_].pid = pid;
}

PlaceTable::~PlaceTable() {
  const HeapLock lock(heap_);
  retire(slot_);
}

PlaceTable::Key PlaceTable::key_of(std::string_view scope, std::string_view key) const {
  std::string text;
  text.reserve(scope.size() + 1 + key.size());
  text.append(scope).push_back('\0');
  text.append(key);
  static_assert(sizeof(Key) == crypto_shorthash_siphashx24_BYTES && sizeof(HashSecret) == crypto_shorthash_siphashx24_KEYBYTES);
  Key hash{};
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                              shared_.secret.data());
  return hash;
}

bool PlaceTable::is_dead(const Entry& entry) const { return shared_.slots[entry.slot].generation != entry.generation; }

// What was counted in the slot is dead from here on, without a look at it.
void PlaceTable::retire(std::size_t slot) {
  Slot& retired = shared_.slots[slot];
  ++retired.generation;
  retired.pid = 0;
  shared_.to_sweep = shared_.mask + 1;
}

bool PlaceTable::retire_the_dead_of(const Key& key) {
  bool found = false;
  for (const Entry* entry = shared_.buckets[key.low & shared_.mask].first; entry != nullptr; entry = entry->next) {
    if (entry->key == key && !is_dead(*entry) && !is_alive_(shared_.slots[entry->slot].pid)) {
      retire(entry->slot);
      found = true;
    }
  }
  return found;
}

void PlaceTable::retire_all_dead() {
  for (std::size_t slot = 0; slot < shared_.slots_size; ++slot) {
    if (shared_.slots[slot].pid != 0 && !is_alive_(shared_.slots[slot].pid)) {
      retire(slot);
    }
  }
}

// A process may be killed anywhere in here, and nginx's master then opens the lock: every single write leaves the chain whole.
void PlaceTable::clear_bucket(std::size_t bucket) {
  for (Entry** link = &shared_.buckets[bucket].first; *link != nullptr;) {
    Entry* entry = *link;
    if (is_dead(*entry)) {
      __atomic_store_n(link, entry->next, __ATOMIC_RELEASE);
      heap_.free(entry);
    } else {
      link = &entry->next;
    }
  }
}

void PlaceTable::sweep(std::size_t buckets) {
  for (std::size_t left = std::min(buckets, shared_.to_sweep); left > 0; --left) {
    clear_bucket(shared_.hand);
    shared_.hand = (shared_.hand + 1) & shared_.mask;
    --shared_.to_sweep;
  }
}

PlaceTable::Entry* PlaceTable::find_own(const Key& key, std::uint64_t& total) {
  Entry* own = nullptr;
  total = 0;
  for (Entry* entry = shared_.buckets[key.low & shared_.mask].first; entry != nullptr; entry = entry->next) {
    if (entry->key == key && !is_dead(*entry)) {
      total += entry->count;
      own = entry->slot == slot_ ? entry : own;
    }
  }
  return own;
}

PlaceTable::Entry* PlaceTable::add_own(const Key& key) {
  auto* entry = static_cast<Entry*>(heap_.allocate(sizeof(Entry)));
  if (entry == nullptr) {
    retire_all_dead();
    sweep(kSweptForRoom);
    entry = static_cast<Entry*>(heap_.allocate(sizeof(Entry)));
  }
  if (entry != nullptr) {
    Entry** bucket = &shared_.buckets[key.low & shared_.mask].first;
    *entry = {key, *bucket, 0, static_cast<std::uint16_t>(slot_), shared_.slots[slot_].generation};
    __atomic_store_n(bucket, entry, __ATOMIC_RELEASE);
  }
  return entry;
}

PlaceTable::Taken PlaceTable::take(std::string_view scope, std::string_view key, std::uint64_t limit) {
  const Key hash = key_of(scope, key);
  const HeapLock lock(heap_);
  sweep(kSweptBesides);
  clear_bucket(hash.low & shared_.mask);
  std::uint64_t total = 0;
  Entry* own = find_own(hash, total);
  if (total >= limit && retire_the_dead_of(hash)) {
    own = find_own(hash, total);
  }
  if (total >= limit) {
    return {Outcome::limit_reached, nullptr};
  }
  if (own == nullptr) {
    own = add_own(hash);
    if (own == nullptr) {
      return {Outcome::no_room, nullptr};
    }
  }
  ++own->count;
  return {Outcome::taken, own};
}

void PlaceTable::give_back(Entry* entry) {
  const HeapLock lock(heap_);
  if (--entry->count != 0) {
    return;
  }
  for (Entry** link = &shared_.buckets[entry->key.low & shared_.mask].first; *link != nullptr; link = &(*link)->next) {
    if (*link == entry) {
      __atomic_store_n(link, entry->next, __ATOMIC_RELEASE);
      heap_.free(entry);
      return;
    }
  }
}

}  // namespace sse
