// Any bytes → ASCII text for the TOML library.
#include "daemon/config/plain_text.h"

#include <utility>

namespace relais::config::raw {

namespace {

constexpr int kMaxDots = 1000;  // outside of strings and comments; a full configuration has one per VIP

bool is_ascii(char letter) { return static_cast<unsigned char>(letter) < 0x80; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  }

  Checked<std::string> run() {
    while (at_ < text_.size() && errors_.empty()) {
      const char letter = text_[at_];
      if (letter == '#') {
        pass_comment();
      } else if (letter == '"' || letter == '\'') {
        pass_string(letter);
      } else {
        pass_other(letter);
      }
    }
    if (!errors_.empty()) return errors_;
    return Checked<std::string>(boost::system::in_place_value, std::move(text_));
  }

 private:
  void pass_comment() {
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (!is_ascii(text_[at_])) text_[at_] = '?';
    }
  }

  // Up to the closing quote, or to the end of the line if there is none.
  void pass_string(char quote) {
    if (text_.compare(at_, 3, std::string(3, quote)) == 0) {
      return refuse("no setting has a text of several lines", "write it in one line, within one pair of quotes");
    }
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (!is_ascii(text_[at_])) return refuse_letter();
      const bool escapes = quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size();
      if (escapes && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\')) {
        ++at_;
      } else if (text_[at_] == quote) {
        ++at_;
        return;
      }
    }
  }

  void pass_other(char letter) {
    if (!is_ascii(letter)) return refuse_letter();
    if (letter == '.' && ++dots_ > kMaxDots) return refuse("there are too many dotted names", "name the right file");
    ++at_;
    if (letter != '\n') return;
    ++line_;
    line_start_ = at_;
  }

  void refuse_letter() {
    refuse("a letter beyond ASCII is not allowed outside of comments", "write it without accents");
  }

  void refuse(std::string what, std::string way_out) {
    errors_.push_back(
        {{line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)}, std::move(what), std::move(way_out)});
  }

  std::string text_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  int dots_ = 0;
  Errors errors_;
};

}  // namespace

Checked<std::string> plain_text(std::string_view text) { return Scanner(text).run(); }

}  // namespace relais::config::raw
