// Shell commands in the calling thread's network namespace.
#pragma once

#include <string>

namespace relais::test {

// Fails the test if the command fails.
void shell(const std::string& command);
// Runs a command again and again until it succeeds; fails the test after 10 s.
void wait_until(const std::string& condition);

}  // namespace relais::test
