// One connection to the local Corosync: see ring_connection.h.
#include "ha/corosync/ring_connection.h"

#include "base/invariant.h"
#include "base/node_set.h"

#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <sys/uio.h>

#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace relais::corosync {
namespace {

// Bounds one turn; the file descriptors stay readable while there is more.
constexpr int kEventsPerTurn = 64;

Error corosync_error(const char* call, cs_error_t code) {
  return Error{.what = std::string(call) + ": " + cs_strerror(code),
               .way_out = "is corosync running? see its log",
               .code = static_cast<int>(code)};
}

bool is_change_of_ring(std::uint32_t reason) { return reason == CPG_REASON_NODEDOWN || reason == CPG_REASON_NODEUP; }

Daemon daemon_of(const cpg_address& address) { return {.node = NodeId(address.nodeid), .process = address.pid}; }

class Connection final : public RingConnection {
 public:
  Connection() = default;
  ~Connection() override {
    if (joined_) cpg_finalize(group_);
    if (tracking_) quorum_finalize(quorum_);
  }

  Result<> connect(const std::string& group, NodeId self) {
    if (const auto joined = join(group, self); !joined) return joined.error();
    return track_quorum();
  }

  int group_fd() const override { return group_fd_; }
  int quorum_fd() const override { return quorum_fd_; }

  Result<> dispatch_group(RingEvents& out) override {
    out_ = &out;
    cs_error_t code = CS_OK;
    for (int i = 0; i < kEventsPerTurn && code == CS_OK; ++i) code = cpg_dispatch(group_, CS_DISPATCH_ONE_NONBLOCKING);
    out_ = nullptr;
    if (code != CS_OK && code != CS_ERR_TRY_AGAIN) return corosync_error("cpg_dispatch", code);
    if (strange_node_) return strange_node_error();
    return {};
  }

  Result<> dispatch_quorum(RingEvents& out) override {
    out_ = &out;
    const cs_error_t code = quorum_dispatch(quorum_, CS_DISPATCH_ALL);
    out_ = nullptr;
    if (code != CS_OK && code != CS_ERR_TRY_AGAIN) return corosync_error("quorum_dispatch", code);
    return {};
  }

  Result<SendOutcome> send(wire::ByteView bytes) override {
    // libcpg does not write to what it sends; its C interface lacks the const.
    const iovec vector{.iov_base = const_cast<std::uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    const cs_error_t code = cpg_mcast_joined(group_, CPG_TYPE_AGREED, &vector, 1);
    if (code == CS_OK) return SendOutcome::sent;
    if (code == CS_ERR_TRY_AGAIN) return SendOutcome::try_again;
    return corosync_error("cpg_mcast_joined", code);
  }

 private:
  Result<> join(const std::string& group, NodeId self) {
    cpg_model_v1_data_t model{};
    model.model = CPG_MODEL_V1;
    model.cpg_deliver_fn = &on_message;
    model.cpg_confchg_fn = &on_group_change;
    model.cpg_totem_confchg_fn = &on_ring_change;
    model.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF;
    cs_error_t code = cpg_model_initialize(&group_, CPG_MODEL_V1, reinterpret_cast<cpg_model_data_t*>(&model), this);
    if (code != CS_OK) return corosync_error("cpg_model_initialize", code);
    joined_ = true;
    unsigned int local = 0;
    if (code = cpg_local_get(group_, &local); code != CS_OK) return corosync_error("cpg_local_get", code);
    if (NodeId(local) != self) return wrong_node_error(local, self);
    cpg_name name{};
    INVARIANT(group.size() < sizeof name.value, "a group's name has less than 128 characters");
    name.length = static_cast<std::uint32_t>(group.size());
    std::memcpy(name.value, group.data(), group.size());
    if (code = cpg_join(group_, &name); code != CS_OK) return corosync_error("cpg_join", code);
    if (code = cpg_fd_get(group_, &group_fd_); code != CS_OK) return corosync_error("cpg_fd_get", code);
    return {};
  }

  Result<> track_quorum() {
    quorum_model_v1_data_t model{};
    model.model = QUORUM_MODEL_V1;
    model.quorum_notify_fn = &on_quorum;
    std::uint32_t type = 0;
    cs_error_t code =
        quorum_model_initialize(&quorum_, QUORUM_MODEL_V1, reinterpret_cast<quorum_model_data_t*>(&model), &type, this);
    if (code != CS_OK) return corosync_error("quorum_model_initialize", code);
    tracking_ = true;
    if (type != QUORUM_SET) {
      return Error{.what = "corosync runs without a quorum provider",
                   .way_out = "let relaisd write corosync.conf: it sets corosync_votequorum"};
    }
    if (code = quorum_fd_get(quorum_, &quorum_fd_); code != CS_OK) return corosync_error("quorum_fd_get", code);
    code = quorum_trackstart(quorum_, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
    if (code != CS_OK) return corosync_error("quorum_trackstart", code);
    return {};
  }

  static Error wrong_node_error(std::uint32_t local, NodeId self) {
    return Error{.what = "corosync runs here as node " + std::to_string(local) + ", relaisd as node " +
                         std::to_string(self.value()),
                 .way_out = "give this node the same id in both, or let relaisd start corosync"};
  }

  Error strange_node_error() const {
    return Error{.what = "corosync reports node id " + std::to_string(strange_node_.value_or(0)) + "; relais has 1..63",
                 .way_out = "let relaisd write corosync.conf on every node"};
  }

  static Connection* of_group(cpg_handle_t handle) {
    void* context = nullptr;
    return cpg_context_get(handle, &context) == CS_OK ? static_cast<Connection*>(context) : nullptr;
  }

  static Connection* of_quorum(quorum_handle_t handle) {
    const void* context = nullptr;
    if (quorum_context_get(handle, &context) != CS_OK) return nullptr;
    return const_cast<Connection*>(static_cast<const Connection*>(context));
  }

  template <class Event>
  void add(Event event) {
    if (out_ != nullptr) out_->emplace_back(std::move(event));
  }

  // A node id that a NodeSet cannot hold ends the connection.
  void check_node(std::uint32_t node) {
    if (node < 1 || node > kMaxNodeId) strange_node_ = node;
  }

  static void on_message(cpg_handle_t handle, const cpg_name*, std::uint32_t node, std::uint32_t, void* data,
                         std::size_t size) {
    Connection* self = of_group(handle);
    if (self == nullptr) return;
    self->check_node(node);
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    self->add(RawMessage{.from = NodeId(node), .bytes = wire::Bytes(bytes, bytes + size)});
  }

  static void on_group_change(cpg_handle_t handle, const cpg_name*, const cpg_address* members,
                              std::size_t member_count, const cpg_address* left, std::size_t left_count,
                              const cpg_address* joined, std::size_t joined_count) {
    Connection* self = of_group(handle);
    if (self == nullptr) return;
    GroupChange change;
    for (const cpg_address& address : std::span(members, member_count)) {
      self->check_node(address.nodeid);
      change.members.push_back(daemon_of(address));
    }
    for (const cpg_address& address : std::span(left, left_count)) {
      self->check_node(address.nodeid);
      const bool with_ring = is_change_of_ring(address.reason);
      if (with_ring) change.scope = ChangeScope::with_ring;
      const auto reason = with_ring ? ha::LeaveReason::node_down : ha::LeaveReason::daemon_down;
      change.left.push_back({.daemon = daemon_of(address), .reason = reason});
    }
    for (const cpg_address& address : std::span(joined, joined_count)) {
      self->check_node(address.nodeid);
      if (is_change_of_ring(address.reason)) change.scope = ChangeScope::with_ring;
      change.joined.push_back(daemon_of(address));
    }
    self->add(std::move(change));
  }

  static void on_ring_change(cpg_handle_t handle, cpg_ring_id ring, std::uint32_t, const std::uint32_t*) {
    if (Connection* self = of_group(handle)) self->add(RingId{.node = ring.nodeid, .sequence = ring.seq});
  }

  static void on_quorum(quorum_handle_t handle, std::uint32_t quorate, quorum_ring_id ring, std::uint32_t member_count,
                        const std::uint32_t*) {
    Connection* self = of_quorum(handle);
    if (self == nullptr) return;
    self->add(QuorumWord{.ring = {.node = ring.nodeid, .sequence = ring.seq},
                         .quorate = quorate != 0 ? Quorate::yes : Quorate::no,
                         .nodes = member_count});
  }

  cpg_handle_t group_{};
  quorum_handle_t quorum_{};
  bool joined_ = false;
  bool tracking_ = false;
  int group_fd_ = -1;
  int quorum_fd_ = -1;
  RingEvents* out_ = nullptr;  // while dispatching
  std::optional<std::uint32_t> strange_node_;
};

}  // namespace

Result<std::unique_ptr<RingConnection>> RingConnection::open(const std::string& group, NodeId self) {
  auto connection = std::make_unique<Connection>();
  if (const auto connected = connection->connect(group, self); !connected) return connected.error();
  return std::unique_ptr<RingConnection>(std::move(connection));
}

}  // namespace relais::corosync
