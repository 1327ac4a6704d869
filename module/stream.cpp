#include "stream.hpp"

#include "response_head.hpp"
#include "worker.hpp"

namespace sse::ngx {

namespace {

constexpr ngx_msec_t kEndGraceMs = 5000;

}  // namespace

std::string channel_names(const Subscriber& subscriber) {
  std::string names;
  for (std::size_t i = 0; i < subscriber.size(); ++i) {
    const Topic* topic = subscriber[i].topic;
    if (topic == nullptr) {
      return {};
    }
    names += i == 0 ? "" : ",";
    names += topic->kind() == TopicKind::pattern ? "pattern:" + topic->name() : topic->name();
  }
  return names;
}

Stream::Stream(Succession succession)
    : worker_(succession.predecessor.worker_),
      source_(succession.predecessor.source_),
      conf_(succession.predecessor.conf_),
      subscriber_(std::move(succession.predecessor.subscriber_)),
      opened_ms_(succession.predecessor.opened_ms_),
      peer_watch_(succession.predecessor.peer_watch_),
      close_reason_(succession.predecessor.close_reason_),
      ending_(succession.predecessor.ending_),
      is_overdue_(succession.predecessor.is_overdue_),
      log_record_(std::move(succession.predecessor.log_record_)),
      place_(std::move(succession.predecessor.place_)) {
  ListNode<AllStreams>::replace(succession.predecessor);
  ListNode<WatchedStreams>::replace(succession.predecessor);
  ListNode<EndedStreams>::replace(succession.predecessor);
  subscriber_->move_to(*this);
}

void Stream::finish(CloseReason reason) {
  std::string farewell;
  append_retry_line(farewell, conf_.retry);
  worker_.hub().finish(*subscriber_, reason, farewell, now_ms());
}

void Stream::cut(CloseReason reason) {
  worker_.hub().forget(*subscriber_);
  if (ending_ == Ending::none) {
    abort(reason);
  }
}

void Stream::watch_peer() {
  if (ending_ == Ending::none && peer_watch_.is_gone(connection(), conf_.send_timeout_ms, now_ms())) {
    ++worker_.hub().counters().timed_out;
    cut(CloseReason::slow);
  }
}

void Stream::end(CloseReason reason) {
  close_reason_ = reason;
  ending_ = Ending::clean;
  worker_.add_ended(*this);
}

void Stream::abort(CloseReason reason) {
  close_reason_ = reason;
  ending_ = Ending::cut;
  worker_.add_ended(*this);
}

void Stream::on_writable() {
  if (ending_ != Ending::none) {
    return;
  }
  switch (writer().flush()) {
    case SendResult::State::ready:
      worker_.hub().on_writable(*subscriber_, now_ms());
      // With level-triggered events nothing is to be waited for any more; with others this does nothing.
      if (ending_ == Ending::none && ngx_handle_write_event(connection()->write, 0) != NGX_OK) {
        cut(CloseReason::error);
      }
      break;
    case SendResult::State::blocked:
      break;
    case SendResult::State::failed:
      cut(CloseReason::client);
      break;
  }
}

void Stream::end_lifetime() {
  if (is_overdue_) {
    cut(CloseReason::lifetime);
  } else if (subscriber_->state() == Subscriber::State::open && !subscriber_->is_ending()) {
    is_overdue_ = true;
    ++worker_.hub().counters().lifetimes_ended;
    finish(CloseReason::lifetime);
    if (subscriber_->state() == Subscriber::State::open && conf_.send_timeout_ms == 0) {  // no other clock would end it
      set_timer(kEndGraceMs);
    }
  }
}

void Stream::set_timer(ngx_msec_t delay_ms) {
  ngx_event_t* rev = connection()->read;
  rev->cancelable = 1;  // it does not keep a worker that shuts down
  ngx_add_timer(rev, delay_ms);
}

void Stream::cancel_timer() {
  ngx_event_t* rev = connection()->read;
  rev->cancelable = 0;
  if (rev->timer_set) {
    ngx_del_timer(rev);
  }
}

void Stream::log_if_slow(ngx_log_t* log, std::string_view suffix) const {
  if (close_reason_ != CloseReason::slow) {
    return;
  }
  const std::string channels = channel_names(*subscriber_);
  const ngx_str_t names = borrow(channels);
  const ngx_str_t end = borrow(suffix);
  const char* limit = subscriber_->slow_limit();
  ngx_log_error(NGX_LOG_INFO, log, 0, "sse broker \"%s\": slow subscriber closed by \"%s\"%s, channels \"%V\"%V",
                conf_.broker->name.c_str(), limit == nullptr ? "sse_send_timeout" : limit, limit == nullptr ? ", nothing came from it" : "",
                &names, &end);
}

void Stream::leave() {
  worker_.hub().forget(*subscriber_);
  log_record_.close(conf_, *connection(), *subscriber_, opened_ms_, close_reason_);
  source_.leave(*subscriber_, now_ms());
  place_.give_back();
  if (ListNode<AllStreams>::is_linked()) {
    ListNode<AllStreams>::unlink();
    worker_.admission().stream_ends();
  }
  ListNode<WatchedStreams>::unlink();
  ListNode<EndedStreams>::unlink();
}

}  // namespace sse::ngx
