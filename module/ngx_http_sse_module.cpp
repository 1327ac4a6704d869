// The module as nginx sees it.
#include "conf.hpp"
#include "ngx.hpp"
#include "variables.hpp"
#include "worker.hpp"

namespace {

ngx_http_module_t module_context = {
    sse::ngx::add_variables,     // preconfiguration
    nullptr,                     // postconfiguration
    sse::ngx::create_main_conf,  //
    sse::ngx::init_main_conf,    //
    nullptr,                     // create server configuration
    nullptr,                     // merge server configuration
    sse::ngx::create_loc_conf,   //
    sse::ngx::merge_loc_conf,    //
};

}  // namespace

extern "C" {

__attribute__((visibility("default"))) ngx_module_t ngx_http_sse_module = {
    NGX_MODULE_V1,
    &module_context,
    sse::ngx::commands,
    NGX_HTTP_MODULE,
    nullptr,                         // init master
    nullptr,                         // init module
    sse::ngx::Worker::init_process,  //
    nullptr,                         // init thread
    nullptr,                         // exit thread
    sse::ngx::Worker::exit_process,  //
    nullptr,                         // exit master
    NGX_MODULE_V1_PADDING,
};
}
