// Runs the tests in network and mount namespaces of their own, so that nothing is left behind however they end. Ends
// with 77 (skipped) where BPF programs cannot be loaded.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>

namespace {

constexpr int kSkipped = 77;

int skip(const char* why) {
  std::printf("skipped: %s\n", why);
  return kSkipped;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (::geteuid() != 0) return skip("needs root to load BPF programs");
  if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, nullptr) != 1) return skip("this kernel takes no XDP programs");
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return skip("cannot make namespaces");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return skip("cannot make mounts private");
  return RUN_ALL_TESTS();
}
