import { expect, test } from "vitest";
import { displayHash, fromDisplayHash, sha256d } from "../../../../src/bitcoin/hash.ts";
import { encodeHeader } from "../../../../src/bitcoin/header.ts";
import { merkleBranch, merkleRoot } from "../../../../src/bitcoin/merkle.ts";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { readLine } from "../../../../src/protocol/v1/line.ts";
import type { Notify, Work } from "../../../../src/protocol/v1/notify.ts";
import { decodeNotify, encodeNotify, encodeNotifyBody } from "../../../../src/protocol/v1/notify.ts";

/** Mainnet block 125,552, with the branch of its four transactions, mined in May 2011. */
const work = {
  previousHash: fromDisplayHash("00000000000008a3a41b85b8b29ad444def299fee21793cd8b9e567eab02cd81"),
  coinbase1: Buffer.of(0xab, 0x01),
  coinbase2: Buffer.of(0x0c),
  merkleBranch: merkleBranch(
    Buffer.concat(
      [
        "60c25dda8d41f8d3d7d5c6249e2ea1b05a25bf7ae2ad6d904b512b31f997e1a1",
        "01f314cdd8566d3e5dbdd97de2d9fbfbfd6873e916a00d48758282cbb81a45b9",
        "b519286a1040da6ad83c783eb2872659eaf57b1bec088e614776ffe7dc8f6d01",
      ].map(fromDisplayHash),
    ),
  ),
  version: 1,
  bits: 0x1a44b9f2,
  startTime: 0x4dd7f5c7,
};

function throughTheWire(job: Work): Notify {
  const line = readLine(Buffer.from(encodeNotify("1", encodeNotifyBody(job), false)));
  if (line instanceof Malformed) throw new Error(line.detail);
  return decodeNotify(line.params) as Notify;
}

test("a mainnet block's job has V1's byte orders", () => {
  const line = encodeNotify("000000000100", encodeNotifyBody(work), true);
  expect(JSON.parse(line)).toEqual({
    id: null,
    method: "mining.notify",
    params: [
      "000000000100",
      // Words of the previous hash in reverse order of how people read it, each as people read it.
      "ab02cd818b9e567ee21793cddef299feb29ad444a41b85b8000008a300000000",
      "ab01",
      "0c",
      work.merkleBranch.map((hash) => hash.toString("hex")),
      "00000001",
      "1a44b9f2",
      "4dd7f5c7",
      true,
    ],
  });
  expect(line.indexOf("\n")).toBe(line.length - 1);
});

test("who follows mainnet block 125,552's job from the wire arrives at the block's hash", () => {
  const job = throughTheWire(work);
  const coinbaseTxid = fromDisplayHash("51d37bdd871c9e1f4d5541be67a6ab625e32028744d7d4609d0c37747b40cd2d");
  const root = merkleRoot(coinbaseTxid, job.merkleBranch);
  const header = encodeHeader({ ...job, merkleRoot: root, time: job.startTime, nonce: 0x9546a142 });
  expect(displayHash(sha256d(header))).toBe(
    "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d",
  );
});

test("so it does for mainnet block 1, coinbase included", () => {
  const coinbase = Buffer.from(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0104ffffffff01" +
      "00f2052a0100000043410496b538e853519c726a2c91e61ec11600ae1390813a627c66fb8be7947be63c52da7589379515d4e0a604f8" +
      "141781e62294721166bf621e73a82cbf2342c858eeac00000000",
    "hex",
  );
  // Cut around 12 bytes that stand for the extranonces.
  const job = throughTheWire({
    previousHash: fromDisplayHash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
    coinbase1: coinbase.subarray(0, 42),
    coinbase2: coinbase.subarray(54),
    merkleBranch: [],
    version: 1,
    bits: 0x1d00ffff,
    startTime: 1_231_469_665,
  });
  const txid = sha256d(Buffer.concat([job.coinbase1, coinbase.subarray(42, 54), job.coinbase2]));
  const root = merkleRoot(txid, job.merkleBranch);
  const header = encodeHeader({ ...job, merkleRoot: root, time: job.startTime, nonce: 2_573_394_689 });
  expect(displayHash(sha256d(header))).toBe(
    "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
  );
});

const valid = JSON.parse(encodeNotify("1", encodeNotifyBody(work), false)).params;

test.each([
  ["no id", 0, null],
  ["a short previous hash", 1, "00"],
  ["a previous hash that is no hex", 1, "zz".repeat(32)],
  ["half a byte of coinbase", 2, "abc"],
  ["a coinbase that is no text", 3, 7],
  ["a branch that is no array", 4, "00"],
  ["a branch with a short hash", 4, ["00"]],
  ["a branch deeper than a block can have", 4, Array(33).fill("00".repeat(32))],
  ["a version that is too long", 5, "000000001"],
  ["bits that are a number", 6, 7],
  ["no time", 7, undefined],
])("a client refuses a job with %s", (_, index, value) => {
  expect(decodeNotify(Object.assign([...valid], { [index]: value }))).toBeInstanceOf(Malformed);
});
