// Operating errors as values: Result<T> holds either a T or an Error that names the place and the way out.
#pragma once

#include <boost/system/result.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace relais {

// What went wrong, where, and what to do about it. `what` is one sentence for an operator.
struct [[nodiscard]] Error {
  std::string what;     // "cannot open /run/relais/relaisd.sock: No such file or directory"
  std::string way_out;  // "start relaisd, or name its socket with --socket"; may be empty
  int code = 0;         // errno or 0

  bool operator==(const Error&) const = default;

  // The error with a prefix that says what was being done; keeps the way out.
  Error with_context(std::string_view context) && {
    what = std::string(context) + ": " + what;
    return std::move(*this);
  }

  // One line: what, then the way out if there is one.
  std::string to_string() const { return way_out.empty() ? what : what + " (" + way_out + ")"; }
};

[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.to_string());
}

template <class T = void>
using Result = boost::system::result<T, Error>;

// An Error for a failed system call: "open /x: No such file or directory".
inline Error system_error(std::string_view what, int error_number = errno, std::string_view way_out = {}) {
  return Error{.what = std::string(what) + ": " + std::generic_category().message(error_number),
               .way_out = std::string(way_out),
               .code = error_number};
}

}  // namespace relais
