import { expect, test } from "vitest";
import type { SeenWindow } from "../../../src/native/addon.ts";
import { submissionLayout as at, refusalCodes, verdictLayout } from "../../../src/native/layout.ts";
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
