// The window holds what a plain set holds, whatever the hashes, the seed and the order.
#include "plain_judge.h"

namespace penstock {
namespace {

/// Few different ones, so that they meet: marks of free slots, equal halves, all in one place.
Hash MakeHash(Input& input) {
  Hash hash = {};
  const std::uint8_t where = input.Byte();
  hash[where % 32] = input.Byte();
  hash[where / 32] = input.Byte();
  return hash;
}

void Test(Input input) {
  const std::size_t maxEntries = input.UpTo(300);
  const SeenWindow::Seed seed = {input.LongWord(), input.LongWord()};
  SeenWindow seen(maxEntries, seed);
  PlainWindow plain(maxEntries);
  const std::array<Hash, 4> blocks = {{{0}, {1}, {2}, {3}}};
  while (!input.empty()) {
    const std::uint8_t choice = input.Byte();
    if (choice % 32 == 0) {
      const std::uint64_t oldest = input.Byte();
      seen.ForgetBefore(oldest);
      plain.ForgetBefore(oldest);
    } else {
      const SeenWindow::Tip tip = {choice / 16u, blocks[choice % 4]};
      const Hash hash = MakeHash(input);
      const bool known = plain.Contains(tip, hash);
      CHECK(seen.Contains(tip, hash) == known);
      CHECK(seen.Forgotten(tip.number) == plain.Forgotten(tip.number));
      if (!known) {
        const bool inserted = plain.Insert(tip, hash);
        CHECK(seen.Insert(tip, hash) == inserted);
        CHECK(seen.Contains(tip, hash) == inserted);
      } else {
        CHECK(seen.InsertOnce(tip, hash));
      }
    }
    CHECK(seen.size() == plain.size() && seen.size() <= maxEntries);
  }
}

const Target kTarget("seen_window", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
