// What relaisd reads back about processes, and the files that it writes for Corosync.
#include "ha/corosync/files.h"
#include "ha/corosync/run_record.h"
#include "ha/corosync/spawn.h"

#include "tests/unit/temporary_directory.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace relais::corosync {
namespace {

TEST(RunRecord, comes_back_as_it_was) {
  const RunRecord record{.process = 123, .start_ticks = 456, .fingerprint = ~0ULL};
  EXPECT_EQ(parse_run_record(format_run_record(record)), record);
}

TEST(RunRecord, a_damaged_line_is_no_record) {
  for (const char* text : {"", "12 34", "12 34 x", "0 1 2", "-5 1 2", "1 2 3 4"}) {
    EXPECT_EQ(parse_run_record(text), std::nullopt) << text;
  }
}

TEST(Fingerprint, differs_with_the_configuration_and_with_the_key) {
  const auto fingerprint = fingerprint_of("token: 100", bytes_of("key"));
  EXPECT_EQ(fingerprint, fingerprint_of("token: 100", bytes_of("key")));
  EXPECT_NE(fingerprint, fingerprint_of("token: 200", bytes_of("key")));
  EXPECT_NE(fingerprint, fingerprint_of("token: 100", bytes_of("other")));
}

TEST(ProcessStat, gives_name_and_start_time) {
  const char* text =
      "77 (co ro) sync) S 1 77 77 0 -1 4194560 1 0 0 0 1 2 0 0 -100 0 9 0 424242 198 5 18446744073709551615\n";
  EXPECT_EQ(parse_process_stat(text), (ProcessFacts{.name = "co ro) sync", .start_ticks = 424242}));
}

TEST(ProcessStat, a_process_that_has_ended_is_none) {
  EXPECT_EQ(parse_process_stat("77 (corosync) Z 1 77 77 0 -1 4 1 0 0 0 1 2 0 0 -100 0 9 0 424242 0"), std::nullopt);
  EXPECT_EQ(parse_process_stat(""), std::nullopt);
  EXPECT_EQ(parse_process_stat("77 (corosync) S 1 2"), std::nullopt);
}

TEST(ProcessStat, this_process_has_one) {
  const auto facts = facts_of(::getpid());
  ASSERT_TRUE(facts);
  EXPECT_GT(facts->start_ticks, 0U);
}

TEST(Process, that_waits_for_its_parent_has_ended_though_proc_has_no_more_to_say) {
  const auto process = spawn_in_own_session({"/bin/sh", "-c", "exit 3"}, STDERR_FILENO);
  ASSERT_TRUE(process);
  pollfd watched{.fd = process->pidfd.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&watched, 1, 5000), 1);
  EXPECT_TRUE(has_ended(*process));
  EXPECT_FALSE(facts_of(process->id));
  EXPECT_EQ(take_exit_status(*process), "exited with status 3");
}

TEST(Process, that_runs_has_not_ended) {
  const auto process = open_process(::getpid());
  ASSERT_TRUE(process);
  EXPECT_FALSE(has_ended(*process));
}

TEST(Files, are_replaced_whole_with_the_mode_asked_for) {
  const TemporaryDirectory directory;
  const auto path = directory / "below/authkey";
  ASSERT_TRUE(write_file_atomically(path, bytes_of("first"), 0600));
  ASSERT_TRUE(write_file_atomically(path, bytes_of("second"), 0600));
  EXPECT_EQ(*read_small_file(path), "second");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST(Files, a_directory_that_cannot_be_made_is_an_error) {
  const TemporaryDirectory directory;
  directory.write("file", "");
  EXPECT_FALSE(write_file_atomically(directory / "file/below", bytes_of("x"), 0600));
}

TEST(Files, a_full_disk_leaves_the_old_file) {
  EXPECT_FALSE(write_file_atomically("/dev/full/x", bytes_of("x"), 0600));
}

TEST(LastLines, are_the_last_lines_from_an_offset_on) {
  const TemporaryDirectory directory;
  directory.write("log", "one\ntwo\n\nthree\nfour\n");
  EXPECT_EQ(last_lines(directory / "log", 2, 0), "three | four");
  EXPECT_EQ(last_lines(directory / "log", 3, 15), "four");
  EXPECT_EQ(last_lines(directory / "log", 3, 99), "");
  EXPECT_EQ(last_lines(directory / "none", 3, 0), "");
}

}  // namespace
}  // namespace relais::corosync
