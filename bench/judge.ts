/**
 * `npm run bench:judge`: one full V1 share (coinbase of 250 bytes, 12 branches, header) judged from JavaScript by the
 * addon, duplicates remembered; beside the arithmetic floor (its compressions, at what one costs the same kernel), and beside
 * JavaScript that only hashes the same share with a library. All in the same run. A kernel without SHA instructions may
 * come out below its floor: a third of the compressions need no expansion of their block.
 */
import { hash, randomBytes } from "node:crypto";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { crypto as bitcoinjs } from "bitcoinjs-lib";
import { loadAddon } from "../src/native/index.ts";
import { submissionLayout, verdictLayout } from "../src/native/layout.ts";
import { type KernelTimes, measureKernels, time } from "./kernel-times.ts";
import { table } from "./table.ts";

const coinbaseLength = 250;
const branches = 12;
const extranonceAt = 100;
const sharesAtOnce = ["2", "4", "8", "16"];

const job = {
  version: 0x20000000,
  previousHash: randomBytes(32),
  bits: 0x17034219,
  minTime: 0,
  coinbase1: randomBytes(extranonceAt),
  coinbase2: randomBytes(coinbaseLength - extranonceAt - 12),
  extranonce2Length: 8 as const,
  merkleBranch: randomBytes(branches * 32),
  networkTarget: new Uint8Array(32),
  tipNumber: 1,
};

/** Blocks after the midstate of what never changes, and the second hash; three for a step; three for the header. */
const coinbaseBlocks = Math.ceil((coinbaseLength + 9) / 64) - Math.floor(extranonceAt / 64);
const compressions = coinbaseBlocks + 1 + branches * 3 + 3;

const kernels = await measureKernels();
const judged = kernels.map((kernel) => ({ kernel, nanoseconds: timeJudge(kernel.name) }));
const best = judged[0]!.nanoseconds;
const libraries = {
  "node:crypto": (data: Uint8Array) => hash("sha256", hash("sha256", data, "buffer"), "buffer"),
  "bitcoinjs-lib hash256": (data: Uint8Array) => bitcoinjs.hash256(data),
  "@noble/hashes": (data: Uint8Array) => nobleSha256(nobleSha256(data)),
};

const microseconds = (nanoseconds: number) => (nanoseconds / 1e3).toFixed(2);
const ratio = (left: number, right: number) => `${(left / right).toFixed(2)}×`;

console.log(`\nOne V1 share judged from JavaScript: ${compressions} compressions\n`);
console.log(
  table(
    ["judged by", "µs", "arithmetic floor µs", "to its floor", `to ${kernels[0]!.name}`],
    [
      ...judged.map(({ kernel, nanoseconds }) => [
        kernel.name,
        microseconds(nanoseconds),
        microseconds(floorOf(kernel)),
        ratio(nanoseconds, floorOf(kernel)),
        ratio(nanoseconds, best),
      ]),
      ...Object.entries(libraries).map(([name, hash256]) => {
        const nanoseconds = timeLibrary(hash256);
        return [name, microseconds(nanoseconds), "–", "–", ratio(nanoseconds, best)];
      }),
    ],
  ),
);

console.log("\nThe hashing of one share when several of one job are judged side by side, natively, in µs\n");
console.log(
  table(
    ["kernel", ...sharesAtOnce, "16 to its floor"],
    kernels.map((kernel) => [
      kernel.name,
      ...sharesAtOnce.map((count) => microseconds(kernel.shares[count]!)),
      ratio(kernel.shares["16"]!, floorOf(kernel)),
    ]),
  ),
);

function floorOf(kernel: KernelTimes): number {
  return compressions * kernel.compress;
}

/** Every share is new and accepted, and the window that remembers it is not small. */
function timeJudge(kernel: string): number {
  const addon = loadAddon({ kernel });
  const prepared = addon.prepareJob(job);
  const seen = addon.createSeenWindow(2 ** 21);
  const submission = Buffer.alloc(submissionLayout.size);
  submission.fill(0xff, submissionLayout.ntimeMax);
  const verdict = Buffer.alloc(verdictLayout.size);
  let share = 0;
  return time(() => {
    submission.writeUInt32LE(share++, submissionLayout.extranonce2);
    if (addon.judge(prepared, seen, submission, verdict) !== 0) throw new Error("not accepted");
  });
}

/** Only hashes: no rule is asked and nothing remembered. */
function timeLibrary(hash256: (data: Uint8Array) => Uint8Array): number {
  const coinbase = Buffer.concat([job.coinbase1, Buffer.alloc(12), job.coinbase2]);
  const pair = Buffer.alloc(64);
  const header = Buffer.alloc(80);
  header.set(job.previousHash, 4);
  let share = 0;
  return time(() => {
    coinbase.writeUInt32LE(share++, extranonceAt + 4);
    let root = hash256(coinbase);
    for (let at = 0; at < job.merkleBranch.length; at += 32) {
      pair.set(root, 0);
      job.merkleBranch.copy(pair, 32, at, at + 32);
      root = hash256(pair);
    }
    header.set(root, 36);
    hash256(header);
  });
}
