// The queue never fails open, and its rule has no bypass (queue_rule.h).
#include "netfilter/hold/hold_queue.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <string>

namespace relais::netfilter {
namespace {

constexpr std::uint32_t kCopied = 128;        // IPv6, an extension header or two, TCP's flags
constexpr unsigned kSocketBuffer = 8U << 20;  // a burst that fills the queue
constexpr std::string_view kWayOut =
    "run as root; the kernel needs NFQUEUE (module nfnetlink_queue); no other program may use this queue";

}  // namespace

void HoldQueue::Handle::operator()(nfq_handle* handle) const { nfq_close(handle); }

Result<std::unique_ptr<HoldQueue>> HoldQueue::open(const HoldQueueSettings& settings) {
  std::unique_ptr<HoldQueue> queue(new HoldQueue());
  queue->handle_.reset(nfq_open());
  if (!queue->handle_) return system_error("cannot talk to the kernel's packet queues", errno, std::string(kWayOut));
  // The library does not do it, and a child with a copy would keep the queue when its owner is gone.
  ::fcntl(queue->fd(), F_SETFD, FD_CLOEXEC);
  const auto callback = [](nfq_q_handle*, nfgenmsg*, nfq_data* data, void* own) {
    auto& self = *static_cast<HoldQueue*>(own);
    const nfqnl_msg_packet_hdr* header = nfq_get_msg_packet_hdr(data);
    unsigned char* payload = nullptr;
    const int length = nfq_get_payload(data, &payload);
    if (header == nullptr) return 0;
    ++self.received_;
    (*self.handler_)(PacketNumber(ntohl(header->packet_id)), {payload, static_cast<std::size_t>(std::max(length, 0))});
    return 0;
  };
  queue->queue_ = nfq_create_queue(queue->handle_.get(), settings.number, callback, queue.get());
  const std::string name = "packet queue " + std::to_string(settings.number);
  if (queue->queue_ == nullptr) return system_error("cannot open " + name, errno, std::string(kWayOut));
  if (nfq_set_mode(queue->queue_, NFQNL_COPY_PACKET, kCopied) < 0 ||
      nfq_set_queue_maxlen(queue->queue_, settings.capacity) < 0) {
    return system_error("cannot set up " + name, errno, std::string(kWayOut));
  }
  nfnl_rcvbufsiz(nfq_nfnlh(queue->handle_.get()), kSocketBuffer);
  const int on = 1;  // what does not fit the socket is dropped, not reported: it is counted by the kernel
  setsockopt(queue->fd(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  return queue;
}

HoldQueue::~HoldQueue() = default;

int HoldQueue::fd() const { return nfq_fd(handle_.get()); }

HoldQueue::Drained HoldQueue::receive(std::size_t maximum, const Handler& handler) {
  handler_ = &handler;
  received_ = 0;
  alignas(nlmsghdr) std::array<char, 16384> buffer{};
  while (received_ < maximum) {
    const ssize_t size = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Drained::yes;
    nfq_handle_packet(handle_.get(), buffer.data(), static_cast<int>(size));
  }
  return Drained::no;
}

void HoldQueue::decide(PacketNumber packet, Verdict verdict) {
  nfq_set_verdict(queue_, packet.value(), verdict == Verdict::accept ? NF_ACCEPT : NF_DROP, 0, nullptr);
}

std::uint64_t parse_queue_drops(std::string_view text, std::uint16_t number) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::array<std::uint64_t, 7> values{};
    for (std::uint64_t& value : values) fields >> value;
    if (fields && values[0] == number) return values[5] + values[6];
  }
  return 0;
}

}  // namespace relais::netfilter
