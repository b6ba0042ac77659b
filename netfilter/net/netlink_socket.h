// Sole owner of a connected netlink socket of libnl.
#pragma once

#include "base/result.h"

#include <netlink/netlink.h>

#include <functional>
#include <memory>
#include <string_view>

namespace relais::netfilter {

struct NlMessageDeleter {
  void operator()(nl_msg* message) const;
};
using NlMessage = std::unique_ptr<nl_msg, NlMessageDeleter>;

class NetlinkSocket {
 public:
  // `protocol`: NETLINK_ROUTE, NETLINK_SOCK_DIAG. Works in the network namespace of the calling thread at this moment.
  static Result<NetlinkSocket> open(int protocol);

  nl_sock* get() const { return socket_.get(); }

  // Sends `message` and waits for the kernel's acknowledgement. Returns 0 or a positive errno.
  int request(const NlMessage& message);
  // Sends a dump request and hands every message of the answer to `visit`. A dump that changed while it was read is
  // complete enough for a count. Returns 0 or a positive errno.
  int dump(const NlMessage& message, const std::function<void(const nlmsghdr&)>& visit);

 private:
  struct SocketDeleter {
    void operator()(nl_sock* socket) const;
  };
  explicit NetlinkSocket(nl_sock* socket) : socket_(socket) {}
  std::unique_ptr<nl_sock, SocketDeleter> socket_;
};

// Error for a libnl call that returned `result` (a negative NLE_* code).
Error netlink_error(std::string_view what, int result, std::string_view way_out = {});

}  // namespace relais::netfilter
