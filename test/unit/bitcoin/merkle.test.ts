import { describe, expect, test } from "vitest";
import { fromDisplayHash, sha256d } from "../../../src/bitcoin/hash.ts";
import { merkleBranch, merkleRoot, merkleRootOf } from "../../../src/bitcoin/merkle.ts";
import vectors from "../../vectors/merkle_path.json" with { type: "json" };

interface Vector {
  readonly block: string;
  readonly coinbase_txid_wire: string;
  readonly txids_display_order?: readonly string[];
  readonly leaves_wire?: readonly string[];
  readonly merkle_path_wire: readonly string[];
  readonly merkle_root_wire: string;
}

/** Without the coinbase. */
function otherTxids(vector: Vector): Buffer {
  const all =
    vector.txids_display_order?.map(fromDisplayHash) ??
    vector.leaves_wire!.map((hex) => Buffer.from(hex, "hex"));
  return Buffer.concat(all.slice(1));
}

describe.each(vectors.vectors as readonly Vector[])("known answer: $block", (vector) => {
  const coinbase = Buffer.from(vector.coinbase_txid_wire, "hex");

  test("the branch", () => {
    const branch = merkleBranch(otherTxids(vector)).map((hash) => hash.toString("hex"));
    expect(branch).toEqual(vector.merkle_path_wire);
  });

  test("the root, from the branch and from all transactions", () => {
    const branch = vector.merkle_path_wire.map((hex) => Buffer.from(hex, "hex"));
    expect(merkleRoot(coinbase, branch).toString("hex")).toBe(vector.merkle_root_wire);
    const all = Buffer.concat([coinbase, otherTxids(vector)]);
    expect(merkleRootOf(all).toString("hex")).toBe(vector.merkle_root_wire);
  });
});

test("for any number of transactions the branch leads to the root of the whole tree", () => {
  const leaves = Array.from({ length: 70 }, (_, i) => sha256d(Buffer.of(i)));
  for (let count = 1; count <= leaves.length; count++) {
    const [coinbase, ...others] = leaves.slice(0, count);
    const root = merkleRoot(coinbase!, merkleBranch(Buffer.concat(others)));
    expect(root).toEqual(merkleRootOf(Buffer.concat(leaves.slice(0, count))));
  }
});

test("bytes that are not whole hashes, or none at all, are refused", () => {
  expect(() => merkleBranch(Buffer.alloc(33))).toThrow(RangeError);
  expect(() => merkleRootOf(Buffer.alloc(0))).toThrow(RangeError);
});
