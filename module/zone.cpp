#include "zone.hpp"

#include <cerrno>
#include <csignal>
#include <memory>

#include "conf.hpp"
#include "hash_secret.hpp"
#include "setters.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_uint_t kMinPages = 8;           // as for the zones of nginx
constexpr std::size_t kBytesForBucket = 256;  // of the zone: with every byte in use, a bucket has some seven entries

class SlabHeap final : public SharedHeap {
 public:
  explicit SlabHeap(ngx_slab_pool_t& pool) : pool_(pool) {}

  void lock() override { ngx_shmtx_lock(&pool_.mutex); }
  void unlock() override { ngx_shmtx_unlock(&pool_.mutex); }
  void* allocate(std::size_t bytes) override { return ngx_slab_calloc_locked(&pool_, bytes); }
  void free(void* memory) override { ngx_slab_free_locked(&pool_, memory); }

 private:
  ngx_slab_pool_t& pool_;
};

struct View {
  View(ngx_slab_pool_t& pool, PlaceTable::Shared& shared)
      : heap(pool), table(shared, heap, static_cast<std::size_t>(ngx_process_slot), static_cast<std::int32_t>(ngx_pid), is_alive) {}

  static bool is_alive(std::int32_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

  SlabHeap heap;
  PlaceTable table;
};

std::unique_ptr<View> view_of_this_worker;

ngx_slab_pool_t& pool_of(ngx_shm_zone_t& zone) { return *reinterpret_cast<ngx_slab_pool_t*>(zone.shm.addr); }

// nginx's hook, in the master.
ngx_int_t init_zone(ngx_shm_zone_t* zone, void* data) {
  ngx_slab_pool_t& pool = pool_of(*zone);
  if (data == nullptr) {
    pool.log_nomem = 0;  // whom it concerns says so itself
    SlabHeap heap(pool);
    data = PlaceTable::create(heap, zone->shm.size / kBytesForBucket, NGX_MAX_PROCESSES, make_hash_secret());
    if (data == nullptr) {
      ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "\"sse_zone\" is too small");
      return NGX_ERROR;
    }
  }
  zone->data = data;
  return NGX_OK;
}

}  // namespace

char* set_zone_size(ngx_conf_t* cf, ngx_command_t* cmd, void* data) {
  size_t& bytes = static_cast<MainConf*>(data)->zone_bytes;
  if (bytes != NGX_CONF_UNSET_SIZE) {
    return kDuplicate;
  }
  ngx_str_t text = argument(cf, 1);
  const off_t parsed = ngx_parse_offset(&text);
  if (parsed == NGX_ERROR || parsed < static_cast<off_t>(kMinPages * ngx_pagesize)) {
    const std::string allowed = "a size such as \"32m\", at least " + std::to_string(kMinPages * ngx_pagesize / 1024) + "k, is allowed";
    return invalid(cf, cmd, argument(cf, 1), allowed.c_str());
  }
  bytes = static_cast<size_t>(parsed);
  return NGX_CONF_OK;
}

bool add_zone(ngx_conf_t* cf, MainConf& conf) {
  if (!conf.needs_zone) {
    return true;
  }
  ngx_str_t name = ngx_string("sse");
  conf.zone = ngx_shared_memory_add(cf, &name, conf.zone_bytes, &ngx_http_sse_module);
  if (conf.zone == nullptr) {
    return false;
  }
  conf.zone->init = init_zone;
  return true;
}

void open_places(const MainConf& conf) {
  if (conf.zone != nullptr) {
    view_of_this_worker = std::make_unique<View>(pool_of(*conf.zone), *static_cast<PlaceTable::Shared*>(conf.zone->data));
  }
}

void close_places() { view_of_this_worker.reset(); }

PlaceTable* places() { return view_of_this_worker == nullptr ? nullptr : &view_of_this_worker->table; }

void ConnectionPlace::give_back() {
  PlaceTable::Entry* entry = std::exchange(entry_, nullptr);
  PlaceTable* table = places();
  if (entry != nullptr && table != nullptr) {  // a table that is closed has given back all
    table->give_back(entry);
  }
}

}  // namespace sse::ngx
