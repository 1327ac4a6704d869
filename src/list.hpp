// An intrusive doubly linked list: linking, unlinking and splicing cost no allocation and need no search.
#pragma once

namespace sse {

template <class T, class Tag>
class List;

// A place in one list. An object that may be in several lists at once derives from one node for each, told apart by Tag.
// Invariant: an unlinked node points at itself. Unlinks itself when destroyed.
template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool is_linked() const { return next_ != this; }

  // Takes the other's place in its list, if it is in one; the other is in none afterwards.
  void replace(ListNode& other) {
    unlink();
    if (other.is_linked()) {
      link_before(other);
      other.unlink();
    }
  }

  void unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <class T, class U>
  friend class List;

  void link_before(ListNode& position) {
    prev_ = position.prev_;
    next_ = &position;
    prev_->next_ = this;
    position.prev_ = this;
  }

  ListNode* prev_ = this;
  ListNode* next_ = this;
};

// Does not own what it links. T derives from ListNode<Tag>.
template <class T, class Tag = T>
class List {
 public:
  using Node = ListNode<Tag>;

  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { clear(); }

  bool empty() const { return !sentinel_.is_linked(); }

  // The first element; null when empty.
  T* front() const { return empty() ? nullptr : static_cast<T*>(sentinel_.next_); }

  // The element after `element`; null at the end. `element` must be in this list.
  T* after(const T& element) const {
    Node* next = static_cast<const Node&>(element).next_;
    return next == &sentinel_ ? nullptr : static_cast<T*>(next);
  }

  // Appends; leaves whatever list of the same tag the element was in.
  void push_back(T& element) {
    Node& node = element;
    node.unlink();
    node.link_before(sentinel_);
  }

  // Unlinks and returns the first element; null when empty.
  T* pop_front() {
    T* first = front();
    if (first != nullptr) {
      static_cast<Node&>(*first).unlink();
    }
    return first;
  }

  // Moves all elements of `other` to the end of this list, in their order.
  void splice_back(List& other) {
    if (other.empty()) {
      return;
    }
    Node* first = other.sentinel_.next_;
    Node* last = other.sentinel_.prev_;
    other.sentinel_.prev_ = other.sentinel_.next_ = &other.sentinel_;
    first->prev_ = sentinel_.prev_;
    sentinel_.prev_->next_ = first;
    last->next_ = &sentinel_;
    sentinel_.prev_ = last;
  }

  // Unlinks all elements.
  void clear() {
    while (pop_front() != nullptr) {
    }
  }

 private:
  Node sentinel_;
};

}  // namespace sse
