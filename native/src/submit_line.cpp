#include "submit_line.h"

#include <string_view>

namespace penstock {
namespace {

constexpr std::size_t kMaxInteger = 20;

constexpr std::array<std::int8_t, 256> MakeDigits(bool upperCase) {
  std::array<std::int8_t, 256> digits = {};
  digits.fill(-1);
  for (std::int8_t value = 0; value < 16; value++) {
    digits[static_cast<std::size_t>("0123456789abcdef"[value])] = value;
    if (upperCase) digits[static_cast<std::size_t>("0123456789ABCDEF"[value])] = value;
  }
  return digits;
}

constexpr std::array<std::int8_t, 256> kHexDigits = MakeDigits(true);
/// Job names are ours: always lower case.
constexpr std::array<std::int8_t, 256> kJobDigits = MakeDigits(false);

/// All digits of a text as one number; false if another character is among them. At most 16 digits.
bool ReadHex(Bytes text, const std::array<std::int8_t, 256>& digits, std::uint64_t& value) {
  value = 0;
  int invalid = 0;
  for (const std::uint8_t character : text) {
    const int digit = digits[character];
    invalid |= digit;
    value = value << 4 | static_cast<std::uint64_t>(digit & 15);
  }
  return invalid >= 0;
}

bool ReadNumber(Bytes text, std::uint32_t& value) {
  if (text.empty() || text.size() > 8) return false;
  std::uint64_t wide = 0;
  const bool valid = ReadHex(text, kHexDigits, wide);
  value = static_cast<std::uint32_t>(wide);
  return valid;
}

bool ReadExtranonce2(Bytes text, std::array<std::uint8_t, 8>& bytes) {
  std::uint64_t value = 0;
  if (text.size() != 2 * bytes.size() || !ReadHex(text, kHexDigits, value)) return false;
  for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  return true;
}

bool ReadJobName(Bytes text, JobName& name) {
  std::uint64_t value = 0;
  if (text.size() != 12 || !ReadHex(text, kJobDigits, value)) return false;
  name = {value >> 8, static_cast<std::uint8_t>(value)};
  return true;
}

bool Is(Bytes text, std::string_view word) {
  return std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) == word;
}

/// Walks one line of JSON; every step returns false where the line leaves the usual path.
class Reader {
 public:
  explicit Reader(Bytes line) : line_(line) {}

  bool Skip(char token) {
    SkipBlanks();
    if (at_ == line_.size() || line_[at_] != static_cast<std::uint8_t>(token)) return false;
    at_++;
    return true;
  }

  bool String(Bytes& text) {
    if (!Skip('"')) return false;
    const std::size_t start = at_;
    while (at_ < line_.size() && line_[at_] != '"') {
      const std::uint8_t character = line_[at_];
      if (character < 0x20 || character > 0x7e || character == '\\') return false;
      at_++;
    }
    text = line_.subspan(start, at_ - start);
    return Skip('"');
  }

  /// A whole number that is not negative, or a string: with its quotes.
  bool Id(Bytes& id) {
    SkipBlanks();
    const std::size_t start = at_;
    Bytes text;
    if (at_ < line_.size() && line_[at_] == '"' ? !String(text) : !Integer()) return false;
    id = line_.subspan(start, at_ - start);
    return id.size() <= kMaxIdLength;
  }

  bool AtEnd() {
    SkipBlanks();
    return at_ == line_.size();
  }

 private:
  void SkipBlanks() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r')) at_++;
  }

  bool Integer() {
    const std::size_t start = at_;
    while (at_ < line_.size() && line_[at_] >= '0' && line_[at_] <= '9') at_++;
    const std::size_t length = at_ - start;
    return length == 1 || (length > 1 && length <= kMaxInteger && line_[start] != '0');
  }

  Bytes line_;
  std::size_t at_ = 0;
};

bool ReadParams(Reader& reader, SubmitLine& submit) {
  std::array<Bytes, 6> params;
  std::size_t count = 0;
  if (!reader.Skip('[')) return false;
  do {
    if (count == params.size() || !reader.String(params[count])) return false;
    count++;
  } while (reader.Skip(','));
  if (!reader.Skip(']') || count < 5) return false;

  const auto& [user, job, extranonce2, ntime, nonce, versionBits] = params;
  submit.user = user;
  submit.versionBits = 0;
  return ReadJobName(job, submit.job) && ReadExtranonce2(extranonce2, submit.extranonce2) &&
         ReadNumber(ntime, submit.ntime) && ReadNumber(nonce, submit.nonce) &&
         (count == 5 || ReadNumber(versionBits, submit.versionBits));
}

}  // namespace

std::optional<SubmitLine> ParseSubmitLine(Bytes line) {
  if (line.size() > kMaxUsualLine) return std::nullopt;
  Reader reader(line);
  SubmitLine submit;
  bool hasId = false;
  bool hasMethod = false;
  bool hasParams = false;
  if (!reader.Skip('{')) return std::nullopt;
  do {
    Bytes key;
    if (!reader.String(key) || !reader.Skip(':')) return std::nullopt;
    Bytes method;
    if (Is(key, "id") && !hasId) {
      hasId = reader.Id(submit.id);
      if (!hasId) return std::nullopt;
    } else if (Is(key, "method") && !hasMethod) {
      hasMethod = reader.String(method) && Is(method, "mining.submit");
      if (!hasMethod) return std::nullopt;
    } else if (Is(key, "params") && !hasParams) {
      hasParams = ReadParams(reader, submit);
      if (!hasParams) return std::nullopt;
    } else {
      return std::nullopt;
    }
  } while (reader.Skip(','));
  if (!reader.Skip('}') || !reader.AtEnd() || !hasId || !hasMethod || !hasParams) return std::nullopt;
  return submit;
}

}  // namespace penstock
