// Sets of clients, as sorted lists: what a node has told of its clients, and what it knows of the others'.
#pragma once

#include "ha/core/message.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace relais::node {

using ClientSet = std::vector<ha::Client>;  // ascending, each once

inline ClientSet set_of(std::vector<ha::Client> clients) {
  std::ranges::sort(clients);
  clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
  return clients;
}

inline ClientSet difference(const ClientSet& from, const ClientSet& what) {
  ClientSet rest;
  std::ranges::set_difference(from, what, std::back_inserter(rest));
  return rest;
}

inline ClientSet together(const ClientSet& a, const ClientSet& b) {
  ClientSet all;
  std::ranges::set_union(a, b, std::back_inserter(all));
  return all;
}

}  // namespace relais::node
