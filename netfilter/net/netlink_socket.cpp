// Requests and dumps over libnl. Errors of the kernel are taken as errno: libnl's own codes merge several of them.
#include "netfilter/net/netlink_socket.h"

#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include <cerrno>

namespace relais::netfilter {
namespace {

struct Answer {
  const std::function<void(const nlmsghdr&)>* visit = nullptr;
  int error = 0;
};

struct CallbacksDeleter {
  void operator()(nl_cb* callbacks) const { nl_cb_put(callbacks); }
};

int on_error(sockaddr_nl*, nlmsgerr* error, void* argument) {
  static_cast<Answer*>(argument)->error = -error->error;
  return NL_STOP;
}

int on_message(nl_msg* message, void* argument) {
  const auto* answer = static_cast<Answer*>(argument);
  if (answer->visit != nullptr) (*answer->visit)(*nlmsg_hdr(message));
  return NL_OK;
}

// Dumps end with a DONE message, which carries the error if the kernel gave up.
int on_finish(nl_msg* message, void* argument) {
  const nlmsghdr* header = nlmsg_hdr(message);
  if (nlmsg_datalen(header) >= static_cast<int>(sizeof(int))) {
    const int result = *static_cast<const int*>(nlmsg_data(header));
    if (result < 0) static_cast<Answer*>(argument)->error = -result;
  }
  return NL_STOP;
}

int exchange(nl_sock* socket, const NlMessage& message, Answer& answer) {
  const int sent = nl_send_auto(socket, message.get());
  if (sent < 0) return EIO;
  const std::unique_ptr<nl_cb, CallbacksDeleter> callbacks(nl_cb_alloc(NL_CB_CUSTOM));
  if (!callbacks) return ENOMEM;
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &answer);
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &answer);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &answer);
  nl_cb_set(
      callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, [](nl_msg*, void*) -> int { return NL_STOP; }, nullptr);
  const int received = nl_recvmsgs(socket, callbacks.get());
  if (answer.error != 0) return answer.error;
  return received < 0 && received != -NLE_DUMP_INTR ? EIO : 0;
}

}  // namespace

void NlMessageDeleter::operator()(nl_msg* message) const { nlmsg_free(message); }

void NetlinkSocket::SocketDeleter::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  NetlinkSocket socket(nl_socket_alloc());
  if (!socket.get()) return system_error("cannot allocate a netlink socket", ENOMEM);
  const int result = nl_connect(socket.get(), protocol);  // libnl sets SOCK_CLOEXEC
  if (result < 0) return netlink_error("cannot open a netlink socket", result);
  return socket;
}

int NetlinkSocket::request(const NlMessage& message) {
  Answer answer;
  nlmsg_hdr(message.get())->nlmsg_flags |= NLM_F_ACK;
  return exchange(socket_.get(), message, answer);
}

int NetlinkSocket::dump(const NlMessage& message, const std::function<void(const nlmsghdr&)>& visit) {
  Answer answer{.visit = &visit, .error = 0};
  nlmsg_hdr(message.get())->nlmsg_flags |= NLM_F_DUMP;
  return exchange(socket_.get(), message, answer);
}

Error netlink_error(std::string_view what, int result, std::string_view way_out) {
  return Error{
      .what = std::string(what) + ": " + nl_geterror(result), .way_out = std::string(way_out), .code = -result};
}

}  // namespace relais::netfilter
