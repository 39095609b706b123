import { expect, test } from "vitest";
import { displayHash, fromDisplayHash, sha256d } from "../../../src/bitcoin/hash.ts";
import { decodeHeader, encodeHeader } from "../../../src/bitcoin/header.ts";

/** Mainnet blocks, as any explorer shows them. */
const mainnet = [
  {
    height: 0,
    hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    version: 1,
    previousHash: "0".repeat(64),
    merkleRoot: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
    time: 1231006505,
    bits: 0x1d00ffff,
    nonce: 2083236893,
  },
  {
    height: 100_000,
    hash: "000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506",
    version: 1,
    previousHash: "000000000002d01c1fccc21636b607dfd930d31d01c3a62104612a1719011250",
    merkleRoot: "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766",
    time: 1293623863,
    bits: 0x1b04864c,
    nonce: 274148111,
  },
];

test.each(mainnet)("the header of mainnet block $height hashes to its name", ({ hash, ...block }) => {
  const bytes = encodeHeader({
    ...block,
    previousHash: fromDisplayHash(block.previousHash),
    merkleRoot: fromDisplayHash(block.merkleRoot),
  });
  expect(displayHash(sha256d(bytes))).toBe(hash);
});

test("every header that is read and written again is the same bytes", () => {
  for (let i = 0; i < 200; i++) {
    const bytes = Buffer.concat([0, 1, 2].map((part) => sha256d(Buffer.of(i, part)))).subarray(0, 80);
    expect(encodeHeader(decodeHeader(bytes))).toEqual(bytes);
  }
});

test("a header is a copy: changing the bytes it was read from does not change it", () => {
  const bytes = Buffer.alloc(80, 7);
  const header = decodeHeader(bytes);
  bytes.fill(0);
  expect(header.previousHash).toEqual(Buffer.alloc(32, 7));
});

test.each([0, 79, 81])("%d bytes are not a header", (length) => {
  expect(() => decodeHeader(Buffer.alloc(length))).toThrow(
    expect.objectContaining({ code: "HEADER_MALFORMED" }),
  );
});

test("a hash of the wrong length does not get into a header", () => {
  const header = decodeHeader(Buffer.alloc(80));
  expect(() => encodeHeader({ ...header, merkleRoot: Buffer.alloc(31) })).toThrow(
    expect.objectContaining({ code: "HEADER_MALFORMED" }),
  );
});
