// Decoding of request targets, and the one form that failures have.
#include "daemon/control/http.h"

#include "daemon/control/json.h"

#include <charconv>
#include <cstdint>
#include <utility>

namespace relais::control {
namespace {

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint8_t byte = 0;
    const std::string_view digits = text.substr(i + 1 < text.size() ? i + 1 : i, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (text[i] == '%' && i + 2 < text.size() && error == std::errc{} && end == digits.data() + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace

Request parse_target(std::string_view method, std::string_view target) {
  target = target.substr(0, target.find('#'));
  const std::size_t question = target.find('?');
  Request request{.method = std::string(method), .path = percent_decoded(target.substr(0, question))};
  std::string_view rest = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    request.query[percent_decoded(pair.substr(0, equals))] = percent_decoded(value);
  }
  return request;
}

Response failure(unsigned status, std::string error, std::string way_out) {
  Response response;
  response.status = status;
  response.body = to_json(Failure{.error = std::move(error), .way_out = std::move(way_out)}) + "\n";
  return response;
}

}  // namespace relais::control
