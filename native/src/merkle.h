#pragma once

#include <vector>

#include "sha256.h"

namespace penstock {

/// The hashes that lead from the coinbase to the merkle root, deepest first. `txids` are the other transactions', 32
/// bytes each, back to back, in block order.
std::vector<Hash> MerkleBranch(const Sha256Kernel& kernel, Bytes txids);

/// Folds a branch (elements of 32 bytes back to back, deepest first) onto the coinbase's txid.
Hash MerkleRoot(const Sha256Kernel& kernel, const Hash& coinbaseTxid, Bytes branch);

}  // namespace penstock
