// The configuration file, this node's place in it, the key, and the certificate for the arbiter.
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

// A connection to the arbiter outlives all of this, but there will be no other one.
void diagnose_certificate(const CertificateFacts& certificate, Findings& findings) {
  constexpr const char* kWhy = "the arbiter does not take this node's next connection";
  if (!certificate.verdict) return;
  if (certificate.verdict->find("certificate is valid") == std::string::npos) {
    findings.push_back(
        {Severity::warning,
         "there is no good certificate for the arbiter in " + certificate.directory + ": " + *certificate.verdict, kWhy,
         "remove " + certificate.directory + ", make it anew as relais.toml(5) says under " +
             "ARBITER CERTIFICATES, then end corosync-qdevice: relaisd starts it again"});
  } else if (certificate.subject && *certificate.subject != "CN=" + certificate.cluster) {
    findings.push_back({Severity::warning,
                        "the certificate for the arbiter in " + certificate.directory + " is that of " +
                            *certificate.subject + ", and the cluster's name is " + certificate.cluster,
                        kWhy,
                        "corosync-qdevice-net-certutil -r -n " + certificate.cluster +
                            ", and on as relais.toml(5) says under ARBITER CERTIFICATES"});
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
  if (config.certificate) diagnose_certificate(*config.certificate, findings);
}

}  // namespace relais::doctor
