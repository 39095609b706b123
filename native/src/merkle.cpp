#include "merkle.h"

#include <algorithm>

namespace penstock {

std::vector<Hash> MerkleBranch(const Sha256Kernel& kernel, Bytes txids) {
  std::vector<Hash> branch;
  // The coinbase's side is unknown at every level: `level` holds the nodes to its right. The first of them belongs to
  // the branch, the others pair up into the next level. One more node is room for the copy of an odd last one.
  std::size_t count = txids.size() / 32;
  std::vector<Hash> level(count + 1);
  const std::span<std::uint8_t> bytes = {level.front().data(), level.size() * 32};
  CopyBytes(bytes, txids);
  while (count > 0) {
    branch.push_back(level.front());
    // Bitcoin hashes a last node without a partner with itself.
    if (count % 2 == 0) level[count] = level[count - 1];
    count /= 2;
    const std::span<std::uint8_t> pairs = bytes.subspan(32, count * 64);
    kernel.double64(pairs, pairs);
    std::copy_n(level.begin() + 1, count, level.begin());
  }
  return branch;
}

Hash MerkleRoot(const Sha256Kernel& kernel, const Hash& coinbaseTxid, Bytes branch) {
  std::array<std::uint8_t, 64> pair;
  const std::span<std::uint8_t, 64> both = pair;
  CopyBytes(both.first<32>(), coinbaseTxid);
  for (; branch.size() >= 32; branch = branch.subspan(32)) {
    CopyBytes(both.last<32>(), branch.first(32));
    kernel.double64(both.first<32>(), both);
  }
  Hash root;
  CopyBytes(root, both.first<32>());
  return root;
}

}  // namespace penstock
