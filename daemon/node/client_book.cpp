// Sorted vectors: 22 bytes a connection, and a list of some hundred is merged in well under a millisecond.
#include "daemon/node/client_book.h"

#include <algorithm>

namespace relais::node {

void ClientBook::take(NodeId from, const ha::Clients& list) {
  Page& page = pages_[from];
  if (!list.begins && list.sequence != page.sequence + 1) ++gaps_;
  page.sequence = list.sequence;
  page.absent_since = Instant{};
  if (list.begins) {
    page.earlier = together(page.earlier, page.current);
    page.current.clear();
  }
  const ClientSet removed = set_of(list.removed);
  page.current = difference(page.current, removed);
  page.earlier = difference(page.earlier, removed);
  if (list.complete) page.earlier.clear();
  add(page, set_of(list.added));
  if (page.current.empty() && page.earlier.empty() && list.complete) page.current.shrink_to_fit();
}

// What is told now counts more than what was told once.
void ClientBook::add(Page& page, ClientSet clients) {
  page.earlier = difference(page.earlier, clients);
  clients = difference(clients, page.current);
  const std::size_t room = kMaxPerNode - page.current.size();
  if (clients.size() > room) {
    dropped_ += clients.size() - room;
    clients.resize(room);
  }
  page.current = together(page.current, clients);
  page.earlier.resize(std::min(page.earlier.size(), kMaxPerNode - page.current.size()));
}

std::vector<ha::Client> ClientBook::clients_of(NodeId node, VipId vip, const ha::BucketSet& buckets,
                                               const SipKey& key) const {
  const auto page = pages_.find(node);
  if (page == pages_.end()) return {};
  std::vector<ha::Client> found;
  for (const std::vector<ha::Client>* clients : {&page->second.current, &page->second.earlier}) {
    for (const ha::Client& client : *clients) {
      if (client.vip == vip && buckets[bucket_of(key, client.address).value()]) found.push_back(client);
    }
  }
  return found;
}

void ClientBook::forget_absent(NodeSet present, Instant now, Duration patience) {
  for (auto& [node, page] : pages_) {
    if (present.contains(node)) {
      page.absent_since = Instant{};
    } else if (page.absent_since == Instant{}) {
      page.absent_since = now;
    }
  }
  std::erase_if(pages_, [&](const auto& entry) {
    const Instant since = entry.second.absent_since;
    return since != Instant{} && now - since > patience;
  });
}

std::size_t ClientBook::size() const {
  std::size_t all = 0;
  for (const auto& [node, page] : pages_) all += page.current.size() + page.earlier.size();
  return all;
}

}  // namespace relais::node
