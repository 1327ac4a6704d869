// The shared memory of all workers (sse_zone), and what is counted in it.
#pragma once

#include <utility>

#include "ngx.hpp"
#include "place_table.hpp"

namespace sse::ngx {

struct MainConf;

// The setter of sse_zone, for a size_t.
char* set_zone_size(ngx_conf_t* cf, ngx_command_t* cmd, void* data);

// When all directives are read: asks nginx for the memory, if a location needs it. One of the same size is taken over from the
// configuration before, with all that old workers count in it. False after an error, which was logged.
bool add_zone(ngx_conf_t* cf, MainConf& conf);

// For this worker, between its start and its end.
void open_places(const MainConf& conf);
void close_places();
PlaceTable* places();  // null where no location has limits over all workers

// A stream's place among those of its key; given back with the object.
class ConnectionPlace {
 public:
  ConnectionPlace() = default;
  explicit ConnectionPlace(PlaceTable::Entry* entry) : entry_(entry) {}
  ConnectionPlace(ConnectionPlace&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  ConnectionPlace& operator=(ConnectionPlace&& other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~ConnectionPlace() { give_back(); }

  void give_back();

 private:
  PlaceTable::Entry* entry_ = nullptr;  // null: not counted
};

}  // namespace sse::ngx
