// A plain blocking client for the server's tests: it can be slow, rude and half-finished. Reads give up after ten
// seconds.
#pragma once

#include "base/unique_fd.h"

#include <map>
#include <string>
#include <string_view>

namespace relais::control {

struct Answer {
  int status = 0;  // 0: the connection ended before a whole answer
  std::map<std::string, std::string> headers;
  std::string body;
};

class Client {
 public:
  // To "127.0.0.1:PORT" or to a socket's path.
  static Client connect(const std::string& address);

  // False if the server has closed the connection.
  bool send(std::string_view bytes);
  void half_close();
  // The next answer on this connection.
  Answer read_answer();
  // All that comes until the server closes; nothing more is read then.
  std::string read_to_end();

  Answer get(const std::string& target);
  Answer post(const std::string& target, const std::string& body);

 private:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}
  bool receive_more();

  UniqueFd fd_;
  std::string received_;
};

}  // namespace relais::control
