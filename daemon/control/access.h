// Who may use the control socket. The file's mode (0660, group relais) keeps others out already; this is the second
// lock, which holds where a mode was changed or the socket was passed on.
#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace relais::control {

// A process at the other end of a Unix socket, as the kernel knew it when it connected.
struct Peer {
  uid_t user = 0;
  std::vector<gid_t> groups;  // the primary one first, then the supplementary ones
  bool operator==(const Peer&) const = default;
};

struct AccessRules {
  uid_t user = 0;              // root's equal: the user that relaisd runs as
  std::optional<gid_t> group;  // its members may do everything too; absent: nobody else
  bool operator==(const AccessRules&) const = default;
};

enum class Access : std::uint8_t { refused, granted };

// Granted to root, to the rules' user and to members of the rules' group: for reading and for orders alike.
Access decide_access(const Peer& peer, const AccessRules& rules);

// SO_PEERCRED and SO_PEERGROUPS (Linux 4.13) of a connected Unix socket.
Result<Peer> read_peer(int socket);

// The id of a group by its name; nothing if there is no such group.
std::optional<gid_t> find_group(std::string_view name);

}  // namespace relais::control
