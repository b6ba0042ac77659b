// Differences between two sorted lists, cut into messages.
#include "daemon/node/client_list.h"

#include <algorithm>

namespace relais::node {

namespace {

// In a message (ha/wire): length, family, VIP, two ports, address.
std::size_t bytes_of(const ha::Client& client) { return 7 + client.address.bytes().size(); }

// Moves clients from the end of `waiting` into a message that has `bytes` left.
ClientSet take_some(ClientSet& waiting, std::size_t& bytes) {
  ClientSet taken;
  while (!waiting.empty() && bytes >= bytes_of(waiting.back())) {
    bytes -= bytes_of(waiting.back());
    taken.push_back(waiting.back());
    waiting.pop_back();
  }
  std::ranges::sort(taken);
  return taken;
}

void merge_in(ClientSet& into, const ClientSet& more) {
  const auto middle = static_cast<std::ptrdiff_t>(into.size());
  into.insert(into.end(), more.begin(), more.end());
  std::inplace_merge(into.begin(), into.begin() + middle, into.end());
}

}  // namespace

std::vector<ha::Clients> ClientList::tell(std::vector<ha::Client> all) {
  const ClientSet clients = set_of(std::move(all));
  ClientSet gone = difference(told_, clients);
  ClientSet come = difference(clients, told_);
  const std::size_t room = kMaxListed - (told_.size() - gone.size());
  unlisted_ = come.size() > room ? come.size() - room : 0;
  come.resize(come.size() - unlisted_);

  std::vector<ha::Clients> messages;
  while (messages.size() < kMessagesPerCall && (begins_ || !gone.empty() || !come.empty())) {
    std::size_t bytes = kMessageBytes - 64;  // header and the message's own fields
    ha::Clients message{.sequence = next_sequence_++, .begins = begins_};
    message.removed = take_some(gone, bytes);
    message.added = take_some(come, bytes);
    message.complete = gone.empty() && come.empty();
    begins_ = false;
    told_ = difference(told_, message.removed);
    merge_in(told_, message.added);
    messages.push_back(std::move(message));
  }
  return messages;
}

void ClientList::begin_anew() {
  told_.clear();
  begins_ = true;
}

}  // namespace relais::node
