// Errors as values: what an operator reads, and what survives on the way up.
#include "base/result.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace relais {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return Error{.what = "3 is odd", .way_out = "give an even number"};
  return number / 2;
}

TEST(ResultTest, a_result_holds_the_value_or_the_error) {
  EXPECT_EQ(*half_of(4), 2);
  ASSERT_TRUE(half_of(3).has_error());
  EXPECT_EQ(half_of(3).error().to_string(), "3 is odd (give an even number)");
}

TEST(ResultTest, taking_the_value_of_an_error_throws_what_the_error_says) {
  try {
    (void)half_of(3).value();
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "3 is odd (give an even number)");
  }
}

TEST(ErrorTest, context_goes_in_front_and_the_way_out_and_code_stay) {
  const Error error =
      Error{.what = "not found", .way_out = "create it", .code = ENOENT}.with_context("reading relais.toml");
  EXPECT_EQ(error.what, "reading relais.toml: not found");
  EXPECT_EQ(error.way_out, "create it");
  EXPECT_EQ(error.code, ENOENT);
}

TEST(ErrorTest, an_error_without_a_way_out_is_one_plain_sentence) {
  EXPECT_EQ(Error{.what = "the ring is gone"}.to_string(), "the ring is gone");
}

TEST(ErrorTest, a_system_error_names_the_call_and_the_reason) {
  const Error error = system_error("open /etc/relais", EACCES, "run it as root");
  EXPECT_EQ(error.what, "open /etc/relais: Permission denied");
  EXPECT_EQ(error.way_out, "run it as root");
  EXPECT_EQ(error.code, EACCES);
}

TEST(ErrorTest, a_system_error_takes_errno_by_itself) {
  errno = ENOENT;
  EXPECT_EQ(system_error("open /x").code, ENOENT);
}

}  // namespace
}  // namespace relais
