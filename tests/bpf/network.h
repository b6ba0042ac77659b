// A small real network: a bridge with a client and two nodes on it, each in a network namespace of its own without a
// name, so that all of it vanishes with the process. Nodes run the data plane and an echo server that first says
// which node it is.
#pragma once

#include "base/address.h"
#include "base/unique_fd.h"
#include "netfilter/loader/data_plane.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace relais::test {

// A network namespace of its own, kept by a descriptor.
class NetworkNamespace {
 public:
  NetworkNamespace();
  int fd() const { return fd_.get(); }
  // For `ip link set … netns PATH`.
  std::string path() const;
  // Runs a shell command in it; fails the test if it fails.
  void shell(const std::string& command) const;
  // Runs a shell command again and again until it succeeds; fails the test after 10 s.
  void wait_until(const std::string& condition) const;
  // How many segments its TCP has been given, IPv4 and IPv6.
  std::uint64_t tcp_segments_received() const;

 private:
  UniqueFd fd_;
};

// The calling thread is in `where` while this lives.
class Within {
 public:
  explicit Within(const NetworkNamespace& where);
  ~Within();
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;

 private:
  UniqueFd before_;
};

// Says `letter` to whoever connects, then echoes. Listens on every address of the namespace, IPv4 and IPv6.
class EchoServer {
 public:
  enum class Stack { separate, dual };  // one listener per family, or one IPv6 socket for both
  EchoServer(const NetworkNamespace& where, char letter, Stack stack);
  ~EchoServer();

 private:
  void serve();
  char letter_;
  std::vector<UniqueFd> listeners_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

inline constexpr std::uint16_t kEchoPort = 7007;

// A TCP connection of the client.
class Connection {
 public:
  // Starts to connect from `from`, an address of the client; does not wait.
  Connection(const NetworkNamespace& client, const IpAddress& from, const IpAddress& to);
  // The letter of the node that answered, or nullopt if none did in time, or it was refused or reset.
  std::optional<char> answered_by(std::chrono::milliseconds limit);
  // A byte there and back.
  bool echoes(std::chrono::milliseconds limit = std::chrono::milliseconds(1000));
  // So many bytes there and back, unchanged.
  bool echoes_all(std::size_t bytes);
  // Reads until the end: true if the peer reset the connection.
  bool was_reset(std::chrono::milliseconds limit = std::chrono::milliseconds(1000));

 private:
  bool wait_for(short events, std::chrono::milliseconds limit) const;
  UniqueFd socket_;
};

struct TestNode {
  NetworkNamespace space;
  char letter;
  MacAddress mac;
  IfIndex interface;
  std::string pins;
  std::optional<EchoServer> server;
  std::optional<netfilter::DataPlane> plane;
};

// The segment. Client addresses: 198.51.100.200 … 239 and 2001:db8:1::c8 … ef.
class Segment {
 public:
  Segment();
  ~Segment();

  NetworkNamespace client;
  TestNode a;
  TestNode b;

  netfilter::DataPlaneSettings settings(const TestNode& node, netfilter::AttachChoice choice) const;
  // Opens the data plane and adds the VIPs, as the daemon does: every bucket foreign, no lease.
  void open(TestNode& node, netfilter::AttachChoice choice);
  void set_mtu(const std::string& mtu);
  // Lease for an hour, all buckets of both VIPs in this state.
  static void set_all(TestNode& node, BucketState state);
  static IpAddress client_address(IpFamily family, std::size_t number);

 private:
  void add_port(const std::string& name, const NetworkNamespace& space, std::uint8_t number);
  void prepare(TestNode& node, std::uint8_t number, EchoServer::Stack stack);
  void wait_for_carrier() const;
  NetworkNamespace bridge_;
  std::string bpf_file_system_;
};

}  // namespace relais::test
