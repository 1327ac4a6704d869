#include "query_pace.hpp"

#include <algorithm>
#include <cassert>

#include "stream_page.hpp"

namespace sse {

namespace {

// So many small questions may be under way: more than a turn of the event loop reads answers to.
constexpr std::size_t kMostQuestions = 512;
// One of so many that are sent is an idle one, even while others are in a hurry.
constexpr std::uint32_t kTurnsPerIdle = 8;
// How many answers it takes until older ones count little.
constexpr std::size_t kMemory = 8;

}  // namespace

void QueryPace::ask(PacedQuestion& question, std::size_t expected_bytes, Urgency urgency, std::uint64_t now_ms) {
  assert(!question.is_waiting());
  if (!is_begun_) {
    is_begun_ = true;
    usual_bytes_ = StreamPages::kPageBytes;
    received_bytes_ = session_.received_bytes();
  }
  question.bytes_ = expected_bytes;
  question.urgency_ = urgency;
  (urgency == Urgency::prompt ? prompt_ : idle_).push_back(question);
  send_next(now_ms);
}

void QueryPace::hurry(PacedQuestion& question) {
  if (question.is_waiting() && question.urgency_ == Urgency::idle) {
    question.urgency_ = Urgency::prompt;
    prompt_.push_back(question);
  }
}

void QueryPace::answered(PacedQuestion& question, std::uint64_t now_ms) {
  assert(under_way_bytes_ >= question.bytes_);
  under_way_bytes_ -= question.bytes_;
  const auto bytes = static_cast<std::size_t>(session_.received_bytes() - received_bytes_);
  received_bytes_ = session_.received_bytes();
  usual_bytes_ = (usual_bytes_ * (kMemory - 1) + bytes) / kMemory;
  send_next(now_ms);
}

void QueryPace::connection_lost() {
  prompt_.clear();
  idle_.clear();
  under_way_bytes_ = 0;
  is_begun_ = false;
}

PacedQuestion* QueryPace::next() {
  const bool is_idles_turn = turn_ % kTurnsPerIdle == 0;
  return prompt_.empty() || (is_idles_turn && !idle_.empty()) ? idle_.front() : prompt_.front();
}

void QueryPace::send_next(std::uint64_t now_ms) {
  while (PacedQuestion* question = next()) {
    const std::size_t bytes = std::max({question->bytes_, usual_bytes_, most_bytes_ / kMostQuestions});
    if (under_way_bytes_ != 0 && under_way_bytes_ + bytes > most_bytes_) {
      return;
    }
    ++turn_;
    static_cast<ListNode<ByTurn>&>(*question).unlink();
    question->bytes_ = bytes;
    under_way_bytes_ += bytes;
    question->send(now_ms);
  }
}

}  // namespace sse
