// The branch of any block leads any coinbase to the root that a plain tree has, in every kernel.
#include "merkle.h"

#include "fuzz.h"
#include "reference.h"

namespace penstock {
namespace {

constexpr std::size_t kMaxTransactions = 300;

/// Those that the input has no bytes for are told apart by their place.
std::vector<Hash> MakeTxids(Input& input) {
  std::vector<Hash> txids(1 + input.UpTo(kMaxTransactions));
  for (std::size_t i = 0; i < txids.size(); i++) {
    const bool filler = input.empty();
    txids[i] = input.Fixed<32>();
    if (filler) WriteLe32(std::span(txids[i]).first<4>(), static_cast<std::uint32_t>(i));
  }
  return txids;
}

std::vector<std::uint8_t> Join(std::span<const Hash> hashes) {
  std::vector<std::uint8_t> joined;
  for (const Hash& hash : hashes) joined.insert(joined.end(), hash.begin(), hash.end());
  joined.shrink_to_fit();
  return joined;
}

void Test(Input input) {
  const std::vector<Hash> txids = MakeTxids(input);
  const Hash expected = reference::MerkleRoot(txids);
  const std::vector<std::uint8_t> others = Join(std::span(txids).subspan(1));
  for (const Sha256Kernel* kernel : UsableKernels()) {
    const std::vector<Hash> branch = MerkleBranch(*kernel, others);
    CHECK(branch.size() == static_cast<std::size_t>(std::bit_width(txids.size() - 1)));
    CHECK(MerkleRoot(*kernel, txids.front(), Join(branch)) == expected);
  }
}

const Target kTarget("merkle", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock
