import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { randomSource } from "../../support/random.ts";
import { currentBinding } from "./binding.ts";

const binding = await currentBinding();

const genesis = Buffer.from(
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e" +
    "67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
  "hex",
);
const genesisNonce = 2_083_236_893;
const difficultyOne = bytesOf(0xffffn << 208n);

describe.each(binding.kernels)("kernel %s", (kernel) => {
  const addon = binding.addon(kernel);

  test("finds the nonce of the genesis block, from any distance and nowhere else", () => {
    for (let distance = 0; distance < 40; distance++) {
      expect(addon.scanNonces(genesis, difficultyOne, genesisNonce - distance, distance + 1)).toBe(
        genesisNonce,
      );
      expect(addon.scanNonces(genesis, difficultyOne, genesisNonce - distance, distance)).toBe(-1);
    }
    expect(addon.scanNonces(genesis, difficultyOne, genesisNonce + 1, 1_000)).toBe(-1);
  });

  test("does not look at the header's own nonce, nor change the header", () => {
    const header = Buffer.from(genesis).fill(0xff, 76);
    expect(addon.scanNonces(header, difficultyOne, genesisNonce - 5, 10)).toBe(genesisNonce);
    expect(header.subarray(76)).toEqual(Buffer.alloc(4, 0xff));
  });

  test("agrees with OpenSSL, nonce by nonce, also where only lower words decide", () => {
    const random = randomSource(5);
    for (let round = 0; round < 40; round++) {
      const header = random.bytes(80);
      const start = random.integer(0, 0xffffffff - 200);
      const hashes = Array.from({ length: 200 }, (_, i) => hashWith(header, start + i));
      const least = hashes.toSorted((a, b) => (a < b ? -1 : 1))[0]!;
      for (const target of [least, least - 1n, random.bigint(256), random.bigint(250)]) {
        const count = random.integer(0, 200);
        const found = hashes.slice(0, count).findIndex((hash) => hash <= target);
        expect(addon.scanNonces(header, bytesOf(target), start, count)).toBe(found < 0 ? -1 : start + found);
      }
    }
  });

  test("goes to the last nonce and stops there", () => {
    const header = randomSource(6).bytes(80);
    const last = hashWith(header, 0xffffffff);
    expect(addon.scanNonces(header, bytesOf(last), 0xffffffff, 1)).toBe(0xffffffff);
    expect(addon.scanNonces(header, bytesOf(0n), 0xffffff00, 0x100)).toBe(-1);
    expect(addon.scanNonces(header, bytesOf(2n ** 256n - 1n), 7, 1)).toBe(7);
    expect(addon.scanNonces(header, bytesOf(2n ** 256n - 1n), 7, 0)).toBe(-1);
  });
});

function hashWith(header: Uint8Array, nonce: number): bigint {
  const bytes = Buffer.from(header);
  bytes.writeUInt32LE(nonce, 76);
  const hash = createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();
  return BigInt(`0x${hash.reverse().toString("hex")}`);
}

function bytesOf(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
}
