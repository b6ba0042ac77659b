// Corosync's callbacks -> views and messages: see view_builder.h.
#include "ha/corosync/view_builder.h"

#include "base/siphash.h"

#include <algorithm>
#include <iterator>

namespace relais::corosync {
namespace {

// Rings about which quorum has spoken and cpg has not: more than a few means that cpg is silent.
constexpr std::size_t kMaxWords = 64;

// Not secret: the id only has to differ for different views.
constexpr SipKey kViewKey{.k0 = 0x72656c6169732076, .k1 = 0x6965772069642031};

template <class T>
void append(std::vector<std::uint8_t>& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

NodeSet nodes_of(const std::set<Daemon>& daemons) {
  NodeSet nodes;
  for (const Daemon& daemon : daemons) nodes.insert(daemon.node);
  return nodes;
}

}  // namespace

ha::ViewId view_id_of(const RingId& ring, const std::set<Daemon>& daemons) {
  std::vector<std::uint8_t> bytes;
  append(bytes, ring.node);
  append(bytes, ring.sequence);
  for (const Daemon& daemon : daemons) {
    append(bytes, daemon.node.value());
    append(bytes, daemon.process);
  }
  return ha::ViewId(siphash13(kViewKey, bytes));
}

void ViewBuilder::group_changed(GroupChange change, Events& out) {
  queue_.emplace_back(std::move(change));
  run(out);
}

void ViewBuilder::ring_changed(const RingId& ring, Events& out) {
  queue_.emplace_back(ring);
  run(out);
}

void ViewBuilder::delivered(ha::Delivered message, Events& out) {
  queue_.emplace_back(std::move(message));
  run(out);
}

void ViewBuilder::quorum_changed(const QuorumWord& word, Events& out) {
  if (!words_.empty() && words_.back().ring == word.ring) {
    words_.back() = word;
  } else {
    words_.push_back(word);
  }
  if (words_.size() > kMaxWords) words_.pop_front();
  if (!changing_ && ring_ == word.ring && word_.quorate != word.quorate) {
    word_ = word;
    show_view(out);
  }
  run(out);
}

void ViewBuilder::run(Events& out) {
  while (!queue_.empty()) {
    Item item = std::move(queue_.front());
    queue_.pop_front();
    const bool taken = std::visit([&](auto& alternative) { return take(alternative, out); }, item);
    if (taken) continue;
    queue_.push_front(std::move(item));
    return;
  }
}

bool ViewBuilder::take(GroupChange& change, Events& out) {
  note(change);
  if (change.scope == ChangeScope::with_ring) changing_ = true;
  if (!changing_) show_view(out);
  return true;
}

bool ViewBuilder::take(const RingId& ring, Events& out) {
  if (const QuorumWord* word = word_about(ring)) {
    settle(QuorumWord(*word), out);
    return true;
  }
  if (!is_superseded()) return false;
  settle({.ring = ring}, out);
  return true;
}

bool ViewBuilder::take(ha::Delivered& message, Events& out) {
  if (changing_ || shown_.empty()) {
    held_.push_back(std::move(message));
  } else {
    out.emplace_back(std::move(message));
  }
  return true;
}

const QuorumWord* ViewBuilder::word_about(const RingId& ring) const {
  const auto word = std::find_if(words_.begin(), words_.end(), [&](const QuorumWord& w) { return w.ring == ring; });
  return word == words_.end() ? nullptr : &*word;
}

// Quorum speaks about rings in their order: if it has spoken about a later one, it stays silent about this one.
bool ViewBuilder::is_superseded() const {
  return std::any_of(queue_.begin(), queue_.end(), [&](const Item& item) {
    const auto* ring = std::get_if<RingId>(&item);
    return ring != nullptr && word_about(*ring) != nullptr;
  });
}

void ViewBuilder::note(const GroupChange& change) {
  daemons_ = std::set<Daemon>(change.members.begin(), change.members.end());
  for (const GroupChange::Left& left : change.left) {
    left_.push_back({.node = left.daemon.node, .reason = left.reason});
    joined_.erase(left.daemon.node);
  }
  for (const Daemon& daemon : change.joined) joined_.insert(daemon.node);
}

void ViewBuilder::settle(const QuorumWord& word, Events& out) {
  ring_ = word.ring;
  word_ = word;
  changing_ = false;
  while (!words_.empty() && words_.front().ring != ring_ && word_about(*ring_) != nullptr) words_.pop_front();
  show_view(out);
}

void ViewBuilder::show_view(Events& out) {
  const NodeSet members = nodes_of(daemons_);
  if (!ring_ || !members.contains(self_)) return;  // right after connecting: the other half is about to come
  ha::ViewChanged view;
  view.view = view_id_of(*ring_, daemons_);
  view.members = members;
  view.left = take_left(members);
  view.joined = take_joined(members);
  view.quorate = word_.quorate == Quorate::yes;
  view.ring_nodes = word_.nodes;
  view.same_ring = shown_ring_ == ring_;
  view.quorum = votes_.quorum;
  view.expected = votes_.expected;
  shown_ = members;
  shown_ring_ = ring_;
  out.emplace_back(std::move(view));
  std::move(held_.begin(), held_.end(), std::back_inserter(out));
  held_.clear();
}

// One entry per node that was shown, in order of the nodes. A node that is in the view again has left and joined. Of
// two reasons the graver one counts: whose daemon ended after the ring had dropped the node was in another ring in
// between.
std::vector<ha::ViewChanged::Left> ViewBuilder::take_left(NodeSet members) {
  std::vector<ha::ViewChanged::Left> result;
  for (const NodeId node : shown_) {
    const auto is_about_node = [&](const auto& left) { return left.node == node; };
    const auto is_drop = [&](const auto& left) {
      return left.node == node && left.reason == ha::LeaveReason::node_down;
    };
    if (std::any_of(left_.begin(), left_.end(), is_about_node)) {
      const bool dropped = std::any_of(left_.begin(), left_.end(), is_drop);
      result.push_back({.node = node, .reason = dropped ? ha::LeaveReason::node_down : ha::LeaveReason::daemon_down});
      if (members.contains(node)) joined_.insert(node);
    } else if (!members.contains(node)) {
      result.push_back({.node = node, .reason = ha::LeaveReason::node_down});
    }
  }
  left_.clear();
  return result;
}

NodeSet ViewBuilder::take_joined(NodeSet members) {
  const NodeSet result = (joined_ & members) | (members - shown_);
  joined_ = {};
  return result;
}

}  // namespace relais::corosync
