// Tells at once when an interface loses or regains its carrier, is set down, or is gone: rtnetlink's link group.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "netfilter/net/link.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace relais::netfilter {

// What a link message says about one interface: its link, `down` if it is gone; nothing if it is about another one.
// `message` is one whole netlink message. Pure.
std::optional<Link> decode_link_message(std::span<const std::uint8_t> message, const Link& known);

class LinkWatch {
 public:
  // For the network namespace of the calling thread at this moment. An interface that goes and comes back under the
  // same name is another one: to this watch it stays gone.
  static Result<LinkWatch> open(const std::string& interface);

  // Readable when there is news; never blocks.
  int fd() const { return socket_.get(); }
  // Takes in all news. A kernel that has lost some (too many at once) is asked for the state as it is.
  const Link& read();
  const Link& link() const { return link_; }

 private:
  LinkWatch(UniqueFd socket, Link link) : socket_(std::move(socket)), link_(std::move(link)) {}
  void take(std::span<const std::uint8_t> messages);
  UniqueFd socket_;
  Link link_;
};

}  // namespace relais::netfilter
