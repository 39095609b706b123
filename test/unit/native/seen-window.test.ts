import { describe, expect, test } from "vitest";
import { encodeRecord, TextCache } from "../../../src/journal/codec.ts";
import { maxRecordBytes } from "../../../src/journal/format.ts";
import type { JournalRecord } from "../../../src/journal/index.ts";
import type { SeenWindow } from "../../../src/native/addon.ts";
import { submissionLayout as at, refusalCodes, verdictLayout } from "../../../src/native/layout.ts";
import { aBlock, aShare, crc32c } from "../../support/journal.ts";
import { currentBinding } from "./binding.ts";

const binding = await currentBinding();
const addon = binding.addon("");

const verdict = Buffer.alloc(verdictLayout.size);

/** Sends the share number `share` of a job on that tip; each number hashes differently. */
function send(seen: SeenWindow, tip: { readonly number: number; readonly block: number }, share: number) {
  const job = jobOn(tip);
  const request = Buffer.alloc(at.size);
  request.writeUInt32LE(share, at.nonce);
  request.writeUInt32LE(0xffffffff, at.ntimeMax);
  request.fill(0xff, at.target);
  return refusalCodes[addon.judge(job, seen, request, verdict)];
}

const jobs = new Map<string, ReturnType<typeof addon.prepareJob>>();

function jobOn(tip: { readonly number: number; readonly block: number }) {
  const name = `${tip.number} ${tip.block}`;
  const known = jobs.get(name);
  if (known !== undefined) return known;
  const job = addon.prepareJob({
    version: 0x20000000,
    previousHash: Buffer.alloc(32, tip.block),
    bits: 0x1d00ffff,
    minTime: 0,
    coinbase1: new Uint8Array(0),
    coinbase2: new Uint8Array(0),
    extranonce2Length: 8,
    merkleBranch: new Uint8Array(0),
    networkTarget: new Uint8Array(32),
    tipNumber: tip.number,
  });
  jobs.set(name, job);
  return job;
}

const tip = (number: number, block = number) => ({ number, block });

test("each share is accepted once, however many there are", () => {
  const seen = addon.createSeenWindow(100_000);
  for (let share = 0; share < 30_000; share++) if (send(seen, tip(1), share)) expect.fail(`share ${share}`);
  expect(seen.size).toBe(30_000);
  for (let share = 0; share < 30_000; share++) {
    if (send(seen, tip(1), share) !== "duplicate") expect.fail(`share ${share} twice`);
  }
  expect(seen.size).toBe(30_000);
});

test("a full window refuses and evicts nothing", () => {
  const seen = addon.createSeenWindow(100);
  for (let share = 0; share < 100; share++) expect(send(seen, tip(1), share)).toBeUndefined();
  expect(send(seen, tip(1), 100)).toBe("window-full");
  expect(send(seen, tip(2), 0)).toBe("window-full");
  expect(seen.size).toBe(100);
  for (let share = 0; share < 100; share++) expect(send(seen, tip(1), share)).toBe("duplicate");
});

test("forgetting tips makes room again and gives memory back", () => {
  const seen = addon.createSeenWindow(20_000);
  for (let share = 0; share < 19_990; share++) send(seen, tip(1), share);
  for (let share = 0; share < 10; share++) send(seen, tip(2), share);
  expect(send(seen, tip(2), 10)).toBe("window-full");
  const full = seen.bytes;
  expect(full / seen.size).toBeLessThan(50);

  seen.forgetBefore(2);
  expect(seen.size).toBe(10);
  expect(seen.bytes).toBeLessThan(full / 20);
  expect(send(seen, tip(2), 3)).toBe("duplicate");
  expect(send(seen, tip(2), 10)).toBeUndefined();
});

test("a window that forgot everything holds no memory", () => {
  const seen = addon.createSeenWindow(10);
  expect(seen.bytes).toBe(0);
  send(seen, tip(1), 1);
  expect(seen.bytes).toBeGreaterThan(0);
  seen.forgetBefore(2);
  expect(seen).toMatchObject({ size: 0, bytes: 0 });
});

test("a share of a forgotten tip is stale: its repetition would go unnoticed", () => {
  const seen = addon.createSeenWindow(10);
  expect(send(seen, tip(1), 1)).toBeUndefined();
  seen.forgetBefore(2);
  expect(send(seen, tip(1), 1)).toBe("stale");
  expect(send(seen, tip(1), 2)).toBe("stale");
  expect(seen.size).toBe(0);
});

test("forgetting never goes back", () => {
  const seen = addon.createSeenWindow(10);
  seen.forgetBefore(5);
  seen.forgetBefore(3);
  expect(send(seen, tip(4), 1)).toBe("stale");
  expect(send(seen, tip(5), 1)).toBeUndefined();
});

test("a share is known when the chain comes back to its tip under a new number", () => {
  const seen = addon.createSeenWindow(10);
  expect(send(seen, tip(1, 0xaa), 1)).toBeUndefined();
  expect(send(seen, tip(2, 0xbb), 1)).toBeUndefined();
  expect(send(seen, tip(3, 0xaa), 1)).toBe("duplicate");
  seen.forgetBefore(3);
  expect(send(seen, tip(3, 0xaa), 1)).toBe("duplicate");
  expect(seen.size).toBe(1);
});

test("windows do not know of each other", () => {
  const [one, other] = [addon.createSeenWindow(10), addon.createSeenWindow(10)];
  expect(send(one, tip(1), 1)).toBeUndefined();
  expect(send(other, tip(1), 1)).toBeUndefined();
});

describe("shares that were accepted before the window was made", () => {
  const previousHash = (number: number) => Buffer.alloc(32, number);
  const hashOf = (t: ReturnType<typeof tip>, share: number) => {
    send(addon.createSeenWindow(1), t, share);
    return Uint8Array.from(verdict.subarray(verdictLayout.hash, verdictLayout.hash + 32));
  };

  test("one that was inserted is a duplicate, on its block under any later number", () => {
    const seen = addon.createSeenWindow(10);
    expect(seen.insert(1, previousHash(1), hashOf(tip(1), 7))).toBe(true);
    expect(send(seen, tip(1), 7)).toBe("duplicate");
    expect(send(seen, tip(4, 1), 7)).toBe("duplicate");
    expect(send(seen, tip(1), 8)).toBeUndefined();
    expect(send(seen, tip(2), 7)).toBeUndefined();
  });

  test("one that is inserted twice takes one place, and a full window says so", () => {
    const seen = addon.createSeenWindow(2);
    for (const share of [1, 1, 2, 2, 1])
      expect(seen.insert(1, previousHash(1), hashOf(tip(1), share))).toBe(true);
    expect(seen.size).toBe(2);
    expect(seen.insert(1, previousHash(1), hashOf(tip(1), 3))).toBe(false);
    expect(seen.insert(1, previousHash(1), hashOf(tip(1), 2))).toBe(true);
    expect(seen.size).toBe(2);
  });

  test("they are forgotten with their tip", () => {
    const seen = addon.createSeenWindow(10);
    seen.insert(1, previousHash(1), hashOf(tip(1), 1));
    seen.insert(2, previousHash(2), hashOf(tip(2), 1));
    seen.forgetBefore(2);
    expect(seen.size).toBe(1);
    expect(send(seen, tip(2), 1)).toBe("duplicate");
  });

  test("of a stretch of journal the shares of the height are inserted, no other ones and no blocks", () => {
    const hashes = [1, 2, 3].map((share) => hashOf(tip(9), share));
    const records = bytesOf([
      aShare(1, { height: 100, hash: hashes[0]! }),
      aShare(2, { height: 101, hash: hashes[1]! }),
      aBlock(3, { height: 100, hash: hashes[2]! }),
      aShare(4, { height: 100, hash: hashOf(tip(9), 4), account: "ü".repeat(100), worker: "" }),
    ]);
    const seen = addon.createSeenWindow(10);
    for (let again = 0; again < 2; again++) {
      expect(seen.insertShares(9, previousHash(9), 100, records)).toBe(true);
      expect(seen.size).toBe(2);
    }
    expect([1, 2, 3, 4].map((share) => send(seen, tip(9), share))).toEqual([
      "duplicate",
      undefined,
      undefined,
      "duplicate",
    ]);
  });

  test("more shares than there is room for are not passed over in silence", () => {
    const records = bytesOf([1, 2, 3].map((number) => aShare(number)));
    expect(addon.createSeenWindow(2).insertShares(1, previousHash(1), 800_000, records)).toBe(false);
    expect(addon.createSeenWindow(3).insertShares(1, previousHash(1), 800_000, records)).toBe(true);
  });

  test("bytes that are no records, and arguments of other kinds, are refused", () => {
    const seen = addon.createSeenWindow(10);
    const records = bytesOf([aShare(1)]);
    expect(() => seen.insertShares(1, previousHash(1), 1, records.subarray(0, -1))).toThrow(TypeError);
    expect(() => seen.insertShares(1, previousHash(1), -1, records)).toThrow("height");
    expect(() => seen.insertShares(1, Buffer.alloc(31), 1, records)).toThrow("previousHash");
    expect(() => seen.insert(0.5, previousHash(1), Buffer.alloc(32))).toThrow("tipNumber");
    expect(() => seen.insert(1, previousHash(1), Buffer.alloc(33))).toThrow("hash");
    expect(seen.size).toBe(0);
  });
});

function bytesOf(records: readonly JournalRecord[]): Buffer {
  const texts = new TextCache();
  return Buffer.concat(
    records.map((record, index) => {
      const bytes = Buffer.alloc(maxRecordBytes);
      const frame = { epoch: 1, sequence: 1 + index, index };
      const [account, worker] = [texts.get(record.account), texts.get(record.worker)];
      return bytes.subarray(0, encodeRecord(bytes, 0, record, frame, account, worker, crc32c));
    }),
  );
}
