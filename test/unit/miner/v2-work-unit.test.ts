import { expect, test } from "vitest";
import { decodeHeader } from "../../../src/bitcoin/header.ts";
import { LapTimes } from "../../../src/miner/rolling.ts";
import { makeV2Unit, type V2Job } from "../../../src/miner/v2-work-unit.ts";

function aV2Job(changes: Partial<V2Job> = {}): V2Job {
  return {
    jobId: 5,
    version: 0x20000000,
    versionMask: 0x1fffe000,
    previousHash: Buffer.alloc(32, 7),
    nbits: 0x1d00ffff,
    minNtime: 1_700_000_000,
    target: Buffer.alloc(32, 9),
    extranonceSize: 4,
    rootOf: (extranonce) => Buffer.concat([extranonce, Buffer.alloc(32)]).subarray(0, 32),
    times: new LapTimes(),
    ...changes,
  };
}

test("an extended channel's unit rolls its extranonce and the lowest version bits", () => {
  // 35 = 2 * 16 + 3: two extranonces on, third combination of four bits.
  const unit = makeV2Unit(aV2Job(), 35, 4);
  expect(unit).toMatchObject({
    jobId: 5,
    version: 0x20006000,
    ntime: 1_700_000_004,
    extranonce: Buffer.of(0, 0, 0, 2),
    target: Buffer.alloc(32, 9),
  });
  expect(decodeHeader(unit.header)).toEqual({
    version: 0x20006000,
    previousHash: Buffer.alloc(32, 7),
    merkleRoot: Buffer.concat([Buffer.of(0, 0, 0, 2), Buffer.alloc(28)]),
    time: 1_700_000_004,
    bits: 0x1d00ffff,
    nonce: 0,
  });
});

test("a standard channel's unit rolls all sixteen version bits, and no others", () => {
  const job = aV2Job({ extranonceSize: 0, version: 0x3fffffff });
  expect(makeV2Unit(job, 0, 0).version).toBe(0x20001fff);
  expect(makeV2Unit(job, 0xffff, 0)).toMatchObject({ version: 0x3fffffff, ntime: 1_700_000_000 });
});

test("where the version is fixed, a standard channel's units differ by their times", () => {
  const job = aV2Job({ extranonceSize: 0, versionMask: 0 });
  const units = [0, 1, 2].map((index) => makeV2Unit(job, index, 0));
  expect(units.map(({ ntime }) => ntime - job.minNtime)).toEqual([0, 1, 2]);
  expect(new Set(units.map(({ version }) => version))).toEqual(new Set([0x20000000]));
});

test.each([
  ["nothing but the time", { extranonceSize: 0, versionMask: 0 }],
  ["one version bit", { extranonceSize: 0, versionMask: 0x2000 }],
  ["one byte of extranonce", { extranonceSize: 1, versionMask: 0 }],
  ["both", { extranonceSize: 1, versionMask: 0x1fffe000 }],
])("no two units have the same header, with %s to roll, whatever time it is", (_, changes) => {
  const job = aV2Job(changes);
  const headers = Array.from({ length: 600 }, (_, index) =>
    Buffer.from(makeV2Unit(job, index, Math.floor(index / 50) % 7).header).toString("hex"),
  );
  expect(new Set(headers).size).toBe(600);
});
