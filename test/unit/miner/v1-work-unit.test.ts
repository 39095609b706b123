import { expect, test } from "vitest";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import { decodeHeader } from "../../../src/bitcoin/header.ts";
import { merkleRoot } from "../../../src/bitcoin/merkle.ts";
import { targetFromDifficulty } from "../../../src/bitcoin/target.ts";
import type { Assignment } from "../../../src/miner/v1-work-unit.ts";
import { makeV1Unit } from "../../../src/miner/v1-work-unit.ts";
import { loadAddon } from "../../../src/native/index.ts";

const addon = loadAddon();

function anAssignment(changes: Partial<Assignment> = {}): Assignment {
  return {
    job: {
      jobId: "job",
      previousHash: new Uint8Array(32).fill(7),
      coinbase1: Buffer.of(1, 2),
      coinbase2: Buffer.of(3),
      merkleBranch: [new Uint8Array(32).fill(8), new Uint8Array(32).fill(9)],
      version: 0x20000000,
      bits: 0x1d00ffff,
      startTime: 1_700_000_000,
      clean: true,
    },
    target: targetFromDifficulty(1),
    extranonce1: Buffer.of(4, 5, 6, 7),
    extranonce2Size: 8,
    versionMask: 0x1fffe000,
    ...changes,
  };
}

test("a unit's header is what the pool will make of its share", () => {
  const unit = makeV1Unit(anAssignment(), 35, 4, addon);
  // 35 = 2 * 16 + 3: two extranonces on, third combination of the lowest four version bits.
  expect(unit.extranonce2).toEqual(Buffer.of(0, 0, 0, 0, 0, 0, 0, 2));
  expect(unit.versionBits).toBe(0x6000);
  expect(unit.ntime).toBe(1_700_000_004);
  const { job } = anAssignment();
  const coinbase = Buffer.concat([job.coinbase1, Buffer.of(4, 5, 6, 7), unit.extranonce2, job.coinbase2]);
  expect(decodeHeader(unit.header)).toEqual({
    version: 0x20006000,
    previousHash: Buffer.from(job.previousHash),
    merkleRoot: merkleRoot(sha256d(coinbase), job.merkleBranch),
    time: 1_700_000_004,
    bits: 0x1d00ffff,
    nonce: 0,
  });
});

test("without version rolling the version stays and each unit has an extranonce2 of its own", () => {
  const unit = makeV1Unit(anAssignment({ versionMask: 0 }), 258, 0, addon);
  expect(unit.versionBits).toBeUndefined();
  expect(unit.extranonce2.at(-1)).toBe(2);
  expect(unit.extranonce2.at(-2)).toBe(1);
  expect(decodeHeader(unit.header).version).toBe(0x20000000);
});

test("no two units have the same header, also with a narrow mask", () => {
  for (const versionMask of [0, 0x2000, 0x1fffe000]) {
    const headers = Array.from({ length: 200 }, (_, index) =>
      Buffer.from(
        makeV1Unit(anAssignment({ versionMask, extranonce2Size: 2 }), index, 0, addon).header,
      ).toString("hex"),
    );
    expect(new Set(headers).size).toBe(200);
  }
});
