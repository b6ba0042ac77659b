// Shell commands.
#include "tests/bpf/shell.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace relais::test {

void shell(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

void wait_until(const std::string& condition) {
  shell("for i in $(seq 200); do " + condition + " && exit 0; sleep 0.05; done; echo 'in vain for 10 s' >&2; exit 1");
}

}  // namespace relais::test
