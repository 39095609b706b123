#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "bytes.h"

// What every fuzz target has: its registration, a reader for the bytes of a case, and checks that end the process.
// docs/fuzzing.md tells how they are run.
namespace penstock {

/// Makes a function a target under its name. Targets live as long as the program.
class Target {
 public:
  Target(std::string_view name, void (*test)(Bytes));
};

#define CHECK(condition) ::penstock::Check((condition), #condition, __FILE__, __LINE__)

inline void Check(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
  std::abort();
}

/// Takes a case apart, front to back. Past the end all is zero: every input means something.
class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t Byte() { return Fixed<1>()[0]; }
  std::uint32_t Word() { return ReadLe32(Fixed<4>()); }
  std::uint64_t LongWord() { return ReadLe64(Fixed<8>()); }
  /// 0 to `most`, which is below 65,536.
  std::size_t UpTo(std::size_t most) { return (Byte() | std::size_t{Byte()} << 8) % (most + 1); }

  template <std::size_t Length>
  std::array<std::uint8_t, Length> Fixed() {
    std::array<std::uint8_t, Length> bytes = {};
    CopyBytes(bytes, Next(Length));
    return bytes;
  }

  /// In a heap block of exactly that size, so that one byte too many is seen.
  std::vector<std::uint8_t> Make(std::size_t length) {
    std::vector<std::uint8_t> bytes(length);
    CopyBytes(bytes, Next(length));
    return bytes;
  }

  std::vector<std::uint8_t> Rest() { return Make(rest_.size()); }

 private:
  Bytes Next(std::size_t length) {
    const Bytes next = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(next.size());
    return next;
  }

  Bytes rest_;
};

}  // namespace penstock
