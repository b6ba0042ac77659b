// One packet in, one verdict and one packet out.
#include "tests/bpf/fixture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace relais::test {

void BpfTest::SetUp() {
  auto programs = LoadedPrograms::load();
  ASSERT_TRUE(programs) << programs.error().to_string();
  programs_.emplace(std::move(*programs));
}

std::optional<Outcome> BpfTest::try_run(const bpf_program* program, const Bytes& packet) {
  const auto before = programs_->verdicts();
  Bytes out(packet.size() + 256);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = out.data(),
              .data_size_in = static_cast<__u32>(packet.size()), .data_size_out = static_cast<__u32>(out.size()),
              .repeat = 1);
  const int result = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
  if (result == -EINVAL) return std::nullopt;
  EXPECT_EQ(result, 0) << std::strerror(-result);
  out.resize(options.data_size_out);
  Outcome outcome{.returned = static_cast<int>(options.retval), .packet = out, .verdict = RELAIS_NO_VERDICT};
  const auto after = programs_->verdicts();
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] == before[i]) continue;
    EXPECT_EQ(outcome.verdict, RELAIS_NO_VERDICT) << "more than one verdict on one packet";
    outcome.verdict = static_cast<relais_verdict>(i);
  }
  return outcome;
}

Outcome BpfTest::run(const bpf_program* program, const Bytes& packet) {
  const auto result = try_run(program, packet);
  EXPECT_TRUE(result) << "the kernel refuses to test with this packet";
  return result.value_or(Outcome{});
}

std::string verdict_name(relais_verdict verdict) {
  switch (verdict) {
#define RELAIS_VERDICT_CASE(upper, lower) \
  case RELAIS_##upper: return #lower;
    RELAIS_VERDICT_LIST(RELAIS_VERDICT_CASE)
#undef RELAIS_VERDICT_CASE
    case RELAIS_NO_VERDICT:
    case RELAIS_VERDICTS: break;
  }
  return "none";
}

Bytes to_cluster(const Bytes& packet) { return build(Ethernet{.to = kClusterMac, .payload = packet}); }

}  // namespace relais::test
