// Single values of the configuration.
#include "daemon/config/words.h"

#include <gtest/gtest.h>

namespace relais::config {
namespace {

TEST(ListenAddress, is_an_address_with_a_port) {
  EXPECT_EQ(to_string(*parse_listen_address("127.0.0.1:9460")), "127.0.0.1:9460");
  EXPECT_EQ(to_string(*parse_listen_address("[::1]:9460")), "[::1]:9460");
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", ":9460",
                           "localhost:9460", "::1:9460", "[127.0.0.1]:9460", "[]:1", "127.0.0.1:1 ", "127.0.0.1:0"}) {
    const auto parsed = parse_listen_address(text);
    ASSERT_TRUE(parsed.has_error()) << text;
    EXPECT_NE(parsed.error().way_out.find("127.0.0.1:9460"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace relais::config
