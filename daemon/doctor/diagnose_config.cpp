// The configuration file, this node's place in it, and the key.
#include "daemon/doctor/diagnose.h"

namespace relais::doctor {
namespace {

void diagnose_key(const std::string& path, const KeyFileFacts& key, Findings& findings) {
  if (!key.exists) {
    findings.push_back({Severity::error, "the cluster key " + path + " does not exist", "relaisd does not start",
                        "on one node: (umask 077; openssl rand -hex 32 > " + path + "), then copy it to the others"});
    return;
  }
  if (key.readable_by_others) {
    findings.push_back({Severity::error, "the cluster key " + path + " is open to others than root",
                        "who has it can join the ring, and can aim a flood at one bucket", "chmod 600 " + path});
  }
  if (!key.owned_by_root) {
    findings.push_back({Severity::warning, "the cluster key " + path + " does not belong to root",
                        "its owner can change it", "chown root:root " + path});
  }
}

}  // namespace

void diagnose_config(const ConfigFacts& config, Findings& findings) {
  if (config.errors) {
    findings.push_back({Severity::error, "the configuration " + config.path + " is not valid: " + *config.errors,
                        "relaisd does not start with it", "relais config check " + config.path});
    return;
  }
  if (config.path.empty()) return;
  if (!config.node) {
    findings.push_back({Severity::error, "no node in " + config.path + " has this machine's name, " + config.host_name,
                        "relaisd does not know who it is",
                        "name the node so in the configuration, or start relaisd with --node NAME"});
  }
  if (config.key) diagnose_key(config.key_file, *config.key, findings);
}

}  // namespace relais::doctor
