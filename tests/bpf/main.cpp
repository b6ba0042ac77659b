// Runs the tests in a network namespace of their own; ends with 77 (skipped) where BPF programs cannot be loaded.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sched.h>
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
  if (::unshare(CLONE_NEWNET) != 0) return skip("cannot make a network namespace");
  return RUN_ALL_TESTS();
}
