// Bridge, namespaces, echo servers and clients for the tests of the attached data plane.
#include "tests/bpf/network.h"

#include "base/clock.h"
#include "base/prng.h"
#include "netfilter/loader/bpf_file_system.h"
#include "netfilter/net/link.h"
#include "netfilter/net/multicast.h"
#include "netfilter/net/vip_address.h"
#include "tests/bpf/fixture.h"
#include "tests/bpf/shell.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace relais::test {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kClients = 40;

UniqueFd current_namespace() { return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress result;
  if (address.family() == IpFamily::v4) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    std::memcpy(&ipv4.sin_addr, address.bytes().data(), 4);
    std::memcpy(&result.storage, &ipv4, sizeof(ipv4));
    result.length = sizeof(ipv4);
    return result;
  }
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  std::memcpy(&ipv6.sin6_addr, address.bytes().data(), 16);
  std::memcpy(&result.storage, &ipv6, sizeof(ipv6));
  result.length = sizeof(ipv6);
  return result;
}

enum class V6Only : int { no = 0, yes = 1 };

UniqueFd listen_on(IpFamily family, V6Only only) {
  const int domain = family == IpFamily::v4 ? AF_INET : AF_INET6;
  UniqueFd socket(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  const int v6_only = static_cast<int>(only);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (family == IpFamily::v6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
  SocketAddress any = socket_address(IpAddress::parse(family == IpFamily::v4 ? "0.0.0.0" : "::").value(), kEchoPort);
  EXPECT_EQ(::bind(socket.get(), any.get(), any.length), 0) << std::strerror(errno);
  EXPECT_EQ(::listen(socket.get(), 256), 0);
  return socket;
}

// Echoes what is there; false at the end of the connection.
bool echo(int socket) {
  std::array<char, 65536> buffer{};
  const ssize_t received = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (received < 0 && errno == EAGAIN) return true;
  return received > 0 && ::send(socket, buffer.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL) == received;
}

}  // namespace

NetworkNamespace::NetworkNamespace() {
  std::thread([this] {
    EXPECT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno);
    fd_ = current_namespace();
  }).join();
}

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
}

void NetworkNamespace::shell(const std::string& command) const {
  const Within within(*this);
  test::shell(command);
}

void NetworkNamespace::wait_until(const std::string& condition) const {
  const Within within(*this);
  test::wait_until(condition);
}

std::uint64_t NetworkNamespace::tcp_segments_received() const {
  const Within within(*this);
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string names, values;
  while (std::getline(file, names) && std::getline(file, values) && names.rfind("Tcp:", 0) != 0) {
  }
  std::istringstream name(names), value(values);
  for (std::string key, number; name >> key && value >> number;) {
    if (key == "InSegs") return std::stoull(number);
  }
  ADD_FAILURE() << "no InSegs in /proc/net/snmp";
  return 0;
}

Within::Within(const NetworkNamespace& where) : before_(current_namespace()) {
  EXPECT_EQ(::setns(where.fd(), CLONE_NEWNET), 0) << std::strerror(errno);
}

Within::~Within() { EXPECT_EQ(::setns(before_.get(), CLONE_NEWNET), 0); }

EchoServer::EchoServer(const NetworkNamespace& where, char letter, Stack stack) : letter_(letter) {
  const Within within(where);
  listeners_.push_back(listen_on(IpFamily::v6, stack == Stack::dual ? V6Only::no : V6Only::yes));
  if (stack == Stack::separate) listeners_.push_back(listen_on(IpFamily::v4, V6Only::no));
  thread_ = std::thread([this] { serve(); });
}

EchoServer::~EchoServer() {
  stop_ = true;
  thread_.join();
}

void EchoServer::serve() {
  std::vector<UniqueFd> connections;
  while (!stop_) {
    std::vector<pollfd> waiting;
    for (const UniqueFd& listener : listeners_)
      waiting.push_back({.fd = listener.get(), .events = POLLIN, .revents = 0});
    for (const UniqueFd& connection : connections)
      waiting.push_back({.fd = connection.get(), .events = POLLIN, .revents = 0});
    if (::poll(waiting.data(), waiting.size(), 20) <= 0) continue;
    std::erase_if(connections, [](const UniqueFd& connection) { return !echo(connection.get()); });
    for (const UniqueFd& listener : listeners_) {
      UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) continue;
      ::send(connection.get(), &letter_, 1, MSG_NOSIGNAL);
      connections.push_back(std::move(connection));
    }
  }
}

Connection::Connection(const NetworkNamespace& client, const IpAddress& from, const IpAddress& to) {
  const Within within(client);
  const int domain = from.family() == IpFamily::v4 ? AF_INET : AF_INET6;
  socket_ = UniqueFd(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  SocketAddress source = socket_address(from, 0);
  SocketAddress destination = socket_address(to, kEchoPort);
  EXPECT_EQ(::bind(socket_.get(), source.get(), source.length), 0) << std::strerror(errno);
  const int result = ::connect(socket_.get(), destination.get(), destination.length);
  EXPECT_TRUE(result == 0 || errno == EINPROGRESS) << std::strerror(errno);
}

bool Connection::wait_for(short events, milliseconds limit) const {
  pollfd waiting{.fd = socket_.get(), .events = events, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(limit.count())) == 1;
}

std::optional<char> Connection::answered_by(milliseconds limit) {
  char letter = 0;
  if (!wait_for(POLLIN, limit) || ::recv(socket_.get(), &letter, 1, 0) != 1) return std::nullopt;
  return letter;
}

bool Connection::echoes(milliseconds limit) {
  char byte = 'x';
  if (::send(socket_.get(), &byte, 1, MSG_NOSIGNAL) != 1 || !wait_for(POLLIN, limit)) return false;
  return ::recv(socket_.get(), &byte, 1, 0) == 1 && byte == 'x';
}

bool Connection::echoes_all(std::size_t bytes) {
  Prng prng(bytes);
  std::vector<char> out(bytes);
  std::ranges::generate(out, [&] { return static_cast<char>(prng.next()); });
  std::vector<char> back;
  std::array<char, 65536> buffer{};
  constexpr std::size_t kWindow = 131072;  // never more under way than the echo server's buffers take
  for (std::size_t sent = 0; back.size() < bytes;) {
    const std::size_t chunk = std::min({bytes - sent, kWindow - (sent - back.size()), buffer.size()});
    const ssize_t written = chunk == 0 ? 0 : ::send(socket_.get(), &out[sent], chunk, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written > 0) sent += static_cast<std::size_t>(written);
    if (!wait_for(POLLIN, milliseconds(2000))) return false;
    const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received <= 0) return false;
    back.insert(back.end(), buffer.begin(), buffer.begin() + received);
  }
  return back == out;
}

bool Connection::was_reset(milliseconds limit) {
  char byte = 0;
  return wait_for(POLLIN, limit) && ::recv(socket_.get(), &byte, 1, 0) < 0 && errno == ECONNRESET;
}

Segment::Segment()
    : a{.space = {}, .letter = 'a', .mac = {}, .interface = {}, .pins = {}, .server = {}, .plane = {}},
      b{.space = {}, .letter = 'b', .mac = {}, .interface = {}, .pins = {}, .server = {}, .plane = {}} {
  char directory[] = "/tmp/rlsnf-bpf-XXXXXX";
  bpf_file_system_ = ::mkdtemp(directory);
  const auto mounted = netfilter::mount_bpf_file_system(bpf_file_system_);
  EXPECT_TRUE(mounted) << mounted.error().to_string();
  bridge_.shell("ip link add rlsnf-br type bridge && ip link set rlsnf-br up");
  add_port("c", client, 200);
  prepare(a, 11, EchoServer::Stack::separate);
  prepare(b, 12, EchoServer::Stack::dual);
  std::string addresses;
  for (std::size_t i = 0; i < kClients; ++i) {
    addresses += "addr add " + client_address(IpFamily::v4, i).to_string() + "/24 dev eth0\n";
    addresses += "addr add " + client_address(IpFamily::v6, i).to_string() + "/64 dev eth0 nodad\n";
  }
  client.shell("ip -batch - <<'END'\n" + addresses + "END");
  wait_for_carrier();
}

Segment::~Segment() {
  a.plane.reset();
  b.plane.reset();
  ::umount2(bpf_file_system_.c_str(), MNT_DETACH);
  ::rmdir(bpf_file_system_.c_str());
}

void Segment::add_port(const std::string& name, const NetworkNamespace& space, std::uint8_t number) {
  const std::string port = "rlsnf-" + name;
  bridge_.shell("ip link add " + port + " type veth peer name eth0 netns " + space.path() + " && ip link set " + port +
                " master rlsnf-br up");
  const std::string host = std::to_string(number);
  if (number != 200) {
    space.shell("ip addr add 198.51.100." + host + "/24 dev eth0 && ip addr add 2001:db8:1::" + host +
                "/64 dev eth0 nodad");
  }
  space.shell("ip link set lo up && ip link set eth0 up");
}

// The kernel tells the bridge of a port's carrier, and the port's peer of its own, up to a second late (linkwatch):
// until then an ARP question is lost, and asked again after a second.
void Segment::wait_for_carrier() const {
  bridge_.wait_until("test $(bridge link show | grep -c 'state forwarding') = 3");
  for (const NetworkNamespace* space : {&client, &a.space, &b.space})
    space->wait_until("ip link show dev eth0 | grep -q 'state UP'");
}

void Segment::prepare(TestNode& node, std::uint8_t number, EchoServer::Stack stack) {
  add_port(std::string(1, node.letter), node.space, number);
  const Within within(node.space);
  const auto link = netfilter::find_link("eth0");
  ASSERT_TRUE(link) << link.error().to_string();
  node.mac = link->mac;
  node.interface = link->index;
  node.pins = bpf_file_system_ + "/relais/" + node.letter;
  node.server.emplace(node.space, node.letter, stack);
}

netfilter::DataPlaneSettings Segment::settings(const TestNode& node, netfilter::AttachChoice choice) const {
  return {.interface = node.interface,
          .own_mac = node.mac,
          .key = kKey,
          .vips = {{kVip4, kClusterMac}, {kVip6, kClusterMac}},
          .choice = choice,
          .pin_directory = node.pins};
}

void Segment::open(TestNode& node, netfilter::AttachChoice choice) {
  const Within within(node.space);
  node.plane.reset();
  auto plane = netfilter::DataPlane::open(settings(node, choice));
  ASSERT_TRUE(plane) << plane.error().to_string();
  node.plane.emplace(std::move(*plane));
  ASSERT_TRUE(netfilter::add_multicast_mac("eth0", kClusterMac));
  for (const IpAddress& vip : {kVip4, kVip6}) {
    const auto added = netfilter::add_vip_address(node.interface, vip);
    ASSERT_TRUE(added) << added.error().to_string();
  }
  node.space.wait_until("ip route get " + kVip6.to_string() + " | grep -q ^local");
}

void Segment::set_mtu(const std::string& mtu) {
  for (const char* port : {"rlsnf-c", "rlsnf-a", "rlsnf-b"})
    bridge_.shell("ip link set " + std::string(port) + " mtu " + mtu);
  for (const NetworkNamespace* space : {&client, &a.space, &b.space}) space->shell("ip link set eth0 mtu " + mtu);
}

void Segment::set_all(TestNode& node, BucketState state) {
  BucketStates states{};
  states.fill(state);
  node.plane->set_states(VipId(kVipNumber4), states);
  node.plane->set_states(VipId(kVipNumber6), states);
  node.plane->set_lease(boot_now() + std::chrono::hours(1));
}

IpAddress Segment::client_address(IpFamily family, std::size_t number) {
  const auto host = static_cast<std::uint8_t>(200 + number);
  if (family == IpFamily::v4) return IpAddress::v4({198, 51, 100, host});
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, host});
}

}  // namespace relais::test
