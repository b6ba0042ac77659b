// Peer credentials and the decision about them.
#include "daemon/control/access.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>

namespace relais::control {

Access decide_access(const Peer& peer, const AccessRules& rules) {
  if (peer.user == 0 || peer.user == rules.user) return Access::granted;
  if (rules.group && std::ranges::find(peer.groups, *rules.group) != peer.groups.end()) return Access::granted;
  return Access::refused;
}

Result<Peer> read_peer(int socket) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return system_error("cannot read the credentials of a control connection");
  }
  std::vector<gid_t> supplementary(64);
  length = static_cast<socklen_t>(supplementary.size() * sizeof(gid_t));
  int outcome = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, supplementary.data(), &length);
  if (outcome != 0 && errno == ERANGE) {  // `length` now says how much is needed
    supplementary.resize(length / sizeof(gid_t));
    outcome = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, supplementary.data(), &length);
  }
  if (outcome != 0) return system_error("cannot read the groups of a control connection");
  supplementary.resize(length / sizeof(gid_t));
  Peer peer{.user = credentials.uid, .groups = {credentials.gid}};
  peer.groups.insert(peer.groups.end(), supplementary.begin(), supplementary.end());
  return peer;
}

std::optional<gid_t> find_group(std::string_view name) {
  group entry{};
  group* found = nullptr;
  std::array<char, 4096> strings{};
  if (getgrnam_r(std::string(name).c_str(), &entry, strings.data(), strings.size(), &found) != 0 || !found) return {};
  return entry.gr_gid;
}

}  // namespace relais::control
