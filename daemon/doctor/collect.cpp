// The rounds: configuration, relaisd, then each part of the machine.
#include "daemon/doctor/collect.h"

#include "base/unique_fd.h"
#include "daemon/doctor/collect_parts.h"
#include "daemon/doctor/parse.h"
#include "daemon/doctor/system.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace relais::doctor {
namespace {

// Without the domain, as relaisd looks for itself in the configuration.
std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string full(name.data());
  return full.substr(0, full.find('.'));
}

// Standard error too: certutil says there what is wrong. Empty if there is no shell.
std::string ask_certutil(const std::string& question, const std::string& directory) {
  const std::string script = "LC_ALL=C certutil " + question + R"( -n "Cluster Cert" -d "$1" 2>&1)";
  auto words = run_program({"sh", "-c", script, "sh", directory}, std::chrono::seconds(2));
  return words ? std::move(*words) : std::string();
}

void take_cluster(ConfigFacts& facts, const config::Cluster& cluster, const std::string& node) {
  facts.key_file = cluster.key_file;
  if (cluster.arbiter && cluster.arbiter->tls == config::ArbiterTls::required) {
    facts.certificate = CertificateFacts{.directory = cluster.arbiter->certificates, .cluster = cluster.name};
  }
  for (const config::Vip& vip : cluster.vips) {
    facts.vips.push_back({.name = vip.name, .address = vip.address, .mac = vip.mac});
  }
  const config::Node* own = config::find_node(cluster, std::string_view(node));
  if (own == nullptr) return;
  facts.node = own->name;
  facts.interface = own->interface;
  facts.address = own->address;
  facts.address6 = own->address6;
  facts.links = own->links;
}

std::optional<bool> is_same_namespace(Facts& facts, std::int32_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  const std::string theirs = read_link(path);
  if (!theirs.empty()) return theirs == read_link("/proc/self/ns/net");
  facts.unseen.push_back("network namespace of relaisd: cannot read " + path + " (run doctor as root)");
  return std::nullopt;
}

}  // namespace

ConfigFacts facts_of(const config::Checked<config::Cluster>& cluster, const std::string& path,
                     const std::optional<std::string>& node) {
  ConfigFacts facts{.path = path};
  facts.host_name = host_name();
  if (!cluster) {
    for (const config::ConfigError& error : cluster.error()) {
      const std::string line = error.at.line == 0 ? "" : "line " + std::to_string(error.at.line) + ": ";
      facts.errors = (facts.errors ? *facts.errors + "; " : "") + line + error.what;
    }
    return facts;
  }
  take_cluster(facts, *cluster, node.value_or(facts.host_name));
  return facts;
}

void collect_key(Facts& facts) {
  const std::string& path = facts.config.key_file;
  if (path.empty()) return;
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) {
    facts.config.key = KeyFileFacts{.exists = true,
                                    .readable_by_others = (about.st_mode & (S_IRWXG | S_IRWXO)) != 0,
                                    .owned_by_root = about.st_uid == 0};
  } else if (errno == ENOENT || errno == ENOTDIR) {
    facts.config.key = KeyFileFacts{};
  } else {
    facts.unseen.push_back(system_error("cluster key " + path).what + " (run doctor as root)");
  }
}

void collect_certificate(Facts& facts) {
  if (!facts.config.certificate) return;
  CertificateFacts& certificate = *facts.config.certificate;
  const std::string database = certificate.directory + "/cert9.db";
  if (::access(database.c_str(), R_OK) != 0 && errno == EACCES) {
    facts.unseen.push_back(system_error("certificates " + database).what + " (run doctor as root)");
    return;
  }
  // As a TLS client's, with its signature.
  certificate.verdict = parse_verdict(ask_certutil("-V -u C -e", certificate.directory));
  certificate.subject = parse_subject(ask_certutil("-L", certificate.directory));
}

Facts collect_facts(const Inquiry& inquiry) {
  Facts facts;
  facts.config = inquiry.config;
  facts.relaisd_pid = inquiry.relaisd_pid;
  facts.may_ask_relaisd = inquiry.may_ask_relaisd;
  if (inquiry.relaisd_pid) facts.same_network_namespace = is_same_namespace(facts, *inquiry.relaisd_pid);
  collect_kernel(facts);
  collect_corosync(facts);
  collect_interfaces(facts);
  collect_sysctls(facts);
  collect_key(facts);
  collect_certificate(facts);
  return facts;
}

std::optional<std::int32_t> find_listener(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::nullopt;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return std::nullopt;
  return peer.pid;
}

}  // namespace relais::doctor
