#pragma once

#include <string_view>

#include "bytes.h"

namespace penstock {

/// Answers back to back in a bounded buffer.
class Answers {
 public:
  explicit Answers(std::span<std::uint8_t> room) : room_(room) {}

  bool HasRoom(std::size_t length) const { return room_.size() - used_ >= length; }

  void Append(Bytes bytes) {
    CopyBytes(room_.subspan(used_, bytes.size()), bytes);
    used_ += bytes.size();
  }

  void Append(std::string_view text) { Append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); }

  std::size_t used() const { return used_; }

 private:
  std::span<std::uint8_t> room_;
  std::size_t used_ = 0;
};

/// The longest of some texts.
template <typename Texts>
std::size_t LongestOf(const Texts& texts) {
  std::size_t longest = 0;
  for (const auto& text : texts) longest = text.size() > longest ? text.size() : longest;
  return longest;
}

}  // namespace penstock
