// A fault of the kind that the others look for, to prove that it would be found. It is three comparisons deep, so chance
// alone does not lead there.
#include "fuzz.h"

namespace penstock {
namespace {

void Test(Input input) {
  const std::vector<std::uint8_t> bytes = input.Rest();
  if (bytes.size() < 4 || bytes[0] != 'B' || bytes[1] != 'T' || bytes[2] != 'C') return;
  const volatile std::uint8_t oneTooFar = bytes.data()[bytes.size()];
  static_cast<void>(oneTooFar);
}

const Target kTarget("planted", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
