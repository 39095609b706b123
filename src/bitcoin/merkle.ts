/**
 * Merkle trees, the plain way: what the native addon's fast ones must agree with, and enough for everything that is not
 * in a hurry. All hashes are in internal order.
 */
import { sha256d } from "./hash.ts";

/**
 * The hashes that lead from a coinbase to the root, deepest first.
 * @param txids count * 32 bytes, without the coinbase.
 */
export function merkleBranch(txids: Uint8Array): Buffer[] {
  const branch: Buffer[] = [];
  // Position 0 stands for the coinbase, which is not known yet; its neighbour on each level goes into the branch.
  let level: Buffer[] = [Buffer.alloc(32), ...split(txids)];
  while (level.length > 1) {
    branch.push(level[1]!);
    level = parents(level);
  }
  return branch;
}

export function merkleRoot(coinbaseTxid: Uint8Array, branch: readonly Uint8Array[]): Buffer {
  let root: Buffer = Buffer.from(coinbaseTxid);
  for (const element of branch) root = sha256d(Buffer.concat([root, element]));
  return root;
}

/** Root of a whole tree. @param txids count * 32 bytes, with the coinbase; at least one. */
export function merkleRootOf(txids: Uint8Array): Buffer {
  let level = split(txids);
  if (level.length === 0) throw new RangeError("a merkle tree has at least one leaf");
  while (level.length > 1) level = parents(level);
  return level[0]!;
}

function parents(level: readonly Buffer[]): Buffer[] {
  return Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
    const left = level[2 * i]!;
    // An odd one is paired with itself.
    return sha256d(Buffer.concat([left, level[2 * i + 1] ?? left]));
  });
}

function split(hashes: Uint8Array): Buffer[] {
  if (hashes.length % 32 !== 0) throw new RangeError(`${hashes.length} bytes are not hashes of 32 bytes`);
  return Array.from({ length: hashes.length / 32 }, (_, i) =>
    Buffer.from(hashes.subarray(32 * i, 32 * i + 32)),
  );
}
