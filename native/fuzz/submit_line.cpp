// Whatever is read as a submission is one: inside its bounds, and the same when written down in another way.
#include "submit_line.h"

#include <string>

#include "fuzz.h"

namespace penstock {
namespace {

std::string TextOf(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

Bytes BytesOf(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

std::string Hex(std::uint64_t value, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
  return text;
}

std::string ParamsOf(const SubmitLine& submit) {
  std::string extranonce2;
  for (const std::uint8_t byte : submit.extranonce2) extranonce2 += Hex(byte, 2);
  return "[\"" + TextOf(submit.user) + "\",\"" + Hex(submit.job.number, 10) + Hex(submit.job.variant, 2) + "\",\"" +
         extranonce2 + "\",\"" + Hex(submit.ntime, 8) + "\",\"" + Hex(submit.nonce, 8) + "\",\"" +
         Hex(submit.versionBits, 8) + "\"]";
}

bool LiesIn(Bytes part, Bytes whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

bool IsPlain(Bytes text) {
  return std::ranges::all_of(text, [](std::uint8_t c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; });
}

bool IsId(Bytes id) {
  if (id.empty() || id.size() > kMaxIdLength) return false;
  if (id.front() == '"') return id.size() >= 2 && id.back() == '"' && IsPlain(id.subspan(1, id.size() - 2));
  const bool digits = std::ranges::all_of(id, [](std::uint8_t c) { return c >= '0' && c <= '9'; });
  return digits && (id.size() == 1 || id.front() != '0');
}

void CheckBounds(const SubmitLine& submit, Bytes line) {
  CHECK(line.size() <= kMaxUsualLine);
  CHECK(LiesIn(submit.id, line) && IsId(submit.id));
  CHECK(LiesIn(submit.user, line) && IsPlain(submit.user));
  CHECK(submit.job.number < std::uint64_t{1} << 40);
  CHECK(std::ranges::find(line, '\n') == line.end());
}

void CheckReadsAlike(const SubmitLine& submit, const std::string& line) {
  if (line.size() > kMaxUsualLine) return;  // written down it has all its digits, and may have become too long
  const auto again = ParseSubmitLine(BytesOf(line));
  CHECK(again.has_value());
  CHECK(std::ranges::equal(again->id, submit.id) && std::ranges::equal(again->user, submit.user));
  CHECK(again->job == submit.job && again->extranonce2 == submit.extranonce2);
  CHECK(again->ntime == submit.ntime && again->nonce == submit.nonce && again->versionBits == submit.versionBits);
}

void Test(Bytes line) {
  const auto submit = ParseSubmitLine(line);
  if (!submit.has_value()) return;
  CheckBounds(*submit, line);
  const std::string id = "\"id\":" + TextOf(submit->id);
  const std::string params = ParamsOf(*submit);
  CheckReadsAlike(*submit, "{" + id + ",\"method\":\"mining.submit\",\"params\":" + params + "}");
  CheckReadsAlike(*submit, " { \"params\" : " + params + "\t,\"method\": \"mining.submit\", " + id + " } \r");
}

const Target kTarget("submit_line", Test);

}  // namespace
}  // namespace penstock
