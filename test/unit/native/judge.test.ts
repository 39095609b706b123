import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Addon, PrepareJob, SeenWindow } from "../../../src/native/addon.ts";
import {
  submissionLayout as at,
  blockFlag,
  refusalCodes,
  staleFlag,
  verdictLayout,
  wholeVersionFlag,
} from "../../../src/native/layout.ts";
import { type RandomSource, randomSource } from "../../support/random.ts";
import { currentBinding } from "./binding.ts";

const binding = await currentBinding();

interface Submission {
  readonly extranonce1: Uint8Array;
  /** 16 bytes; of a job with fewer the first count. */
  readonly extranonce2: Uint8Array;
  readonly ntime: number;
  readonly nonce: number;
  readonly version: number;
  readonly wholeVersion: boolean;
  readonly versionMask: number;
  readonly stale: boolean;
  readonly ntimeMin: number;
  readonly ntimeMax: number;
  readonly target: bigint;
}

interface Outcome {
  readonly refusal: (typeof refusalCodes)[number];
  readonly block: boolean;
  readonly hash: Buffer;
  readonly header: Buffer;
}

const everything = 2n ** 256n - 1n;

describe.each(binding.kernels)("kernel %s", (kernel) => {
  const addon = binding.addon(kernel);

  test("judges thousands of random submissions as the plain rules do, each refusal among them", () => {
    const random = randomSource(kernel.length);
    const counts = new Map<string, number>();
    for (let round = 0; round < 120; round++) {
      const maxEntries = random.integer(1, 40);
      const seen = addon.createSeenWindow(maxEntries);
      const plainSeen = new Set<string>();
      const jobs = Array.from({ length: 3 }, () => randomJob(random));
      const prepared = jobs.map((job) => addon.prepareJob(job));
      const sent: [number, Submission][] = [];
      for (let share = 0; share < 40; share++) {
        const again = sent.length > 0 && random.integer(0, 3) === 0;
        const [index, submission] = again ? sent[random.integer(0, sent.length - 1)]! : aimed(random, jobs);
        sent.push([index, submission]);
        const expected = plainJudge(jobs[index]!, plainSeen, maxEntries, submission);
        const actual = judge(addon, prepared[index]!, seen, submission);
        expect(actual).toEqual(expected);
        expect(seen.size).toBe(plainSeen.size);
        count(counts, expected.refusal ?? "accepted");
        if (expected.block) count(counts, `block, ${expected.refusal ?? "accepted"}`);
      }
    }
    const refusals = refusalCodes.map((name) => name ?? "accepted");
    for (const name of refusals) {
      expect(counts.get(name), name).toBeGreaterThan(20);
      expect(counts.get(`block, ${name}`), `block, ${name}`).toBeGreaterThan(0);
    }
  });

  test("hashes coinbases of every shape: extranonces at each place of a block, tails of each length", () => {
    const random = randomSource(7);
    for (let length1 = 0; length1 <= 130; length1++) {
      for (const length2 of [0, 1, random.integer(2, 63), length1, random.integer(64, 300)]) {
        const job = {
          ...randomJob(random),
          coinbase1: random.bytes(length1),
          coinbase2: random.bytes(length2),
        };
        const submission = randomSubmission(random, job);
        for (const extranonce2Length of [8, 16] as const) {
          const shaped = { ...job, extranonce2Length };
          const actual = judge(addon, addon.prepareJob(shaped), addon.createSeenWindow(1), submission);
          expect(actual.header).toEqual(headerOf(shaped, submission));
        }
      }
    }
  });

  test("compares with the target on all 256 bits, and equality meets it", () => {
    const random = randomSource(8);
    const job = randomJob(random);
    const prepared = addon.prepareJob(job);
    for (let round = 0; round < 200; round++) {
      const submission = { ...fairSubmission(random, job), target: everything };
      const hash = integerOf(judge(addon, prepared, addon.createSeenWindow(1), submission).hash);
      const bit = 1n << BigInt(random.integer(0, 255));
      for (const target of [hash, hash - 1n, hash + 1n, hash ^ bit]) {
        const { refusal } = judge(addon, prepared, addon.createSeenWindow(1), { ...submission, target });
        expect(refusal).toBe(hash <= target ? undefined : "low-difficulty");
      }
    }
  });

  test("a hash that equals the network target is a block, one above it is not", () => {
    const random = randomSource(9);
    const job = randomJob(random);
    const submission = fairSubmission(random, job);
    const hash = sha256d(headerOf(job, submission));
    const blockAt = (networkTarget: bigint) =>
      judge(
        addon,
        addon.prepareJob({ ...job, networkTarget: bytesOf(networkTarget) }),
        addon.createSeenWindow(1),
        submission,
      ).block;
    expect(blockAt(integerOf(hash))).toBe(true);
    expect(blockAt(integerOf(hash) - 1n)).toBe(false);
  });

  test("the bounds of ntime belong to what is allowed", () => {
    const random = randomSource(10);
    const job = { ...randomJob(random), minTime: 1_000 };
    const prepared = addon.prepareJob(job);
    const refusalAt = (ntime: number) =>
      judge(addon, prepared, addon.createSeenWindow(1), {
        ...fairSubmission(random, job),
        ntime,
        ntimeMax: 2_000,
      }).refusal;
    expect([999, 1_000, 2_000, 2_001, 0xffffffff].map(refusalAt)).toEqual([
      "ntime-out-of-range",
      undefined,
      undefined,
      "ntime-out-of-range",
      "ntime-out-of-range",
    ]);
  });

  test("the later of the job's lowest ntime and the submission's own is the bound", () => {
    const random = randomSource(12);
    const job = { ...randomJob(random), minTime: 1_000 };
    const prepared = addon.prepareJob(job);
    const refusalAt = ([ntime, ntimeMin]: readonly number[]) =>
      judge(addon, prepared, addon.createSeenWindow(1), {
        ...fairSubmission(random, job),
        ntime: ntime!,
        ntimeMin: ntimeMin!,
      }).refusal;
    const allowed = [
      [1_000, 0],
      [1_000, 1_000],
      [1_500, 1_500],
      [2_000, 2_000],
    ].map(refusalAt);
    expect(allowed).toEqual([undefined, undefined, undefined, undefined]);
    const refused = [
      [999, 0],
      [999, 999],
      [1_499, 1_500],
      [2_000, 2_001],
      [2_000, 0xffffffff],
    ].map(refusalAt);
    expect(new Set(refused)).toEqual(new Set(["ntime-out-of-range"]));
  });

  test("a whole version is the header's, and may differ from the job's where the mask has bits, either way", () => {
    const random = randomSource(13);
    const job = { ...randomJob(random), version: 0x20002004 };
    const prepared = addon.prepareJob(job);
    const outcomeOf = (version: number) =>
      judge(addon, prepared, addon.createSeenWindow(1), {
        ...fairSubmission(random, job),
        ...{ version, wholeVersion: true, versionMask: 0x1fffe000 },
      });
    const allowed = [0x20002004, 0x20000004, 0x3fffe004, 0x20004004];
    for (const version of allowed) {
      const { refusal, header } = outcomeOf(version);
      expect([refusal, header.readUInt32LE(0)]).toEqual([undefined, version]);
    }
    const refused = [0x20002000, 0x20002005, 0x20003004, 0x00002004, 0xa0002004, 0, 0x2000, 0xffffffff];
    for (const version of refused) {
      const { refusal, header } = outcomeOf(version);
      expect([refusal, header.readUInt32LE(0)]).toEqual(["version-bits-not-allowed", version]);
    }
  });

  test("version bits are set in the job's version, and none outside the mask may be named, set there or not", () => {
    const random = randomSource(14);
    const job = { ...randomJob(random), version: 0x20000004 };
    const prepared = addon.prepareJob(job);
    const outcomeOf = (version: number) => {
      const submission = { ...fairSubmission(random, job), ...bits(version), versionMask: 0x1fffe000 };
      const { refusal, header } = judge(addon, prepared, addon.createSeenWindow(1), submission);
      return [refusal, header.readUInt32LE(0)];
    };
    expect(outcomeOf(0)).toEqual([undefined, 0x20000004]);
    expect(outcomeOf(0x1fffe000)).toEqual([undefined, 0x3fffe004]);
    for (const version of [0x20000000, 4, 0x20002004])
      expect(outcomeOf(version)).toEqual(["version-bits-not-allowed", (0x20000004 | version) >>> 0]);
  });

  test("roots of many choices at once are those that their shares' headers have", () => {
    const random = randomSource(15);
    for (const extranonce2Length of [8, 16] as const) {
      for (const count of [0, 1, 15, 16, 17, 50]) {
        const job = { ...randomJob(random), extranonce2Length };
        const prepared = addon.prepareJob(job);
        const submissions = Array.from({ length: count }, () => fairSubmission(random, job));
        const choices = submissions.map(({ extranonce1, extranonce2 }) =>
          Buffer.concat([extranonce1, extranonce2.subarray(0, extranonce2Length)]),
        );
        const roots = Buffer.alloc(32 * count);
        addon.jobRoots(prepared, Buffer.concat(choices), roots);
        const expected = submissions.map((submission) => headerOf(job, submission).subarray(36, 68));
        expect(roots).toEqual(Buffer.concat(expected));
      }
    }
  });

  test("the rules are asked in the order of their codes", () => {
    const random = randomSource(11);
    const job = { ...randomJob(random), minTime: 1_000 };
    const prepared = addon.prepareJob(job);
    const seen = addon.createSeenWindow(1);
    const full = addon.createSeenWindow(1);
    judge(addon, prepared, full, { ...fairSubmission(random, job), ntimeMax: 1_500, ntime: 1_500 });
    const fair = {
      ...fairSubmission(random, job),
      ntime: 2_000,
      ntimeMax: 3_000,
      ...bits(2),
      versionMask: 6,
    };
    judge(addon, prepared, seen, fair);
    const worst = { ...fair, stale: true, ntimeMax: 1_500, versionMask: 4, target: 0n };

    expect(judge(addon, prepared, seen, worst).refusal).toBe("duplicate");
    expect(judge(addon, prepared, full, worst).refusal).toBe("stale");
    const fresh = { ...worst, stale: false };
    expect(judge(addon, prepared, full, fresh).refusal).toBe("ntime-out-of-range");
    const timely = { ...fresh, ntimeMax: 3_000 };
    expect(judge(addon, prepared, full, timely).refusal).toBe("version-bits-not-allowed");
    const masked = { ...timely, versionMask: 6 };
    expect(judge(addon, prepared, full, masked).refusal).toBe("low-difficulty");
    expect(judge(addon, prepared, full, { ...masked, target: everything }).refusal).toBe("window-full");
  });
});

/** The plain reference: BigInt and OpenSSL, rule by rule. */
function plainJudge(job: PrepareJob, seen: Set<string>, maxEntries: number, submission: Submission): Outcome {
  const header = headerOf(job, submission);
  const hash = sha256d(header);
  const block = integerOf(hash) <= integerOf(job.networkTarget);
  const refusal = plainRefusal(job, seen, maxEntries, submission, hash);
  if (refusal === undefined) seen.add(hash.toString("hex"));
  return { refusal, block, hash, header };
}

function plainRefusal(
  job: PrepareJob,
  seen: ReadonlySet<string>,
  maxEntries: number,
  submission: Submission,
  hash: Buffer,
): Outcome["refusal"] {
  if (seen.has(hash.toString("hex"))) return "duplicate";
  if (submission.stale) return "stale";
  const ntimeMin = Math.max(job.minTime, submission.ntimeMin);
  if (submission.ntime < ntimeMin || submission.ntime > submission.ntimeMax) return "ntime-out-of-range";
  const rolled = BigInt(submission.version) ^ (submission.wholeVersion ? BigInt(job.version) : 0n);
  if ((rolled & ~BigInt(submission.versionMask)) !== 0n) return "version-bits-not-allowed";
  if (integerOf(hash) > submission.target) return "low-difficulty";
  return seen.size >= maxEntries ? "window-full" : undefined;
}

function headerOf(job: PrepareJob, submission: Submission): Buffer {
  const extranonce2 = submission.extranonce2.subarray(0, job.extranonce2Length);
  const coinbase = [job.coinbase1, submission.extranonce1, extranonce2, job.coinbase2];
  let root = sha256d(Buffer.concat(coinbase));
  for (let start = 0; start < job.merkleBranch.length; start += 32) {
    root = sha256d(Buffer.concat([root, job.merkleBranch.subarray(start, start + 32)]));
  }
  const header = Buffer.alloc(80);
  const { version, wholeVersion } = submission;
  header.writeUInt32LE(wholeVersion ? version : (job.version | version) >>> 0, 0);
  header.set(job.previousHash, 4);
  header.set(root, 36);
  header.writeUInt32LE(submission.ntime, 68);
  header.writeUInt32LE(job.bits, 72);
  header.writeUInt32LE(submission.nonce, 76);
  return header;
}

function judge(
  addon: Addon,
  prepared: ReturnType<Addon["prepareJob"]>,
  seen: SeenWindow,
  submission: Submission,
): Outcome {
  const request = Buffer.alloc(at.size);
  request.set(submission.extranonce1, at.extranonce1);
  request.set(submission.extranonce2, at.extranonce2);
  request.writeUInt32LE(submission.ntime, at.ntime);
  request.writeUInt32LE(submission.nonce, at.nonce);
  request.writeUInt32LE(submission.version, at.version);
  request.writeUInt32LE(submission.versionMask, at.versionMask);
  const versionFlag = submission.wholeVersion ? wholeVersionFlag : 0;
  request.writeUInt32LE((submission.stale ? staleFlag : 0) | versionFlag, at.flags);
  request.writeUInt32LE(submission.ntimeMin, at.ntimeMin);
  request.writeUInt32LE(submission.ntimeMax, at.ntimeMax);
  request.set(bytesOf(submission.target), at.target);
  const verdict = Buffer.alloc(verdictLayout.size);
  const code = addon.judge(prepared, seen, request, verdict);
  return {
    refusal: refusalCodes[code & 0xff],
    block: (code & blockFlag) !== 0,
    hash: verdict.subarray(verdictLayout.hash, verdictLayout.hash + 32),
    header: verdict.subarray(verdictLayout.header, verdictLayout.header + 80),
  };
}

/** Half of all hashes are blocks, so that blocks meet every refusal. */
function randomJob(random: RandomSource): PrepareJob {
  return {
    version: random.integer(0, 0xffffffff),
    previousHash: random.bytes(32),
    bits: random.integer(0, 0xffffffff),
    minTime: random.integer(900, 1_100),
    coinbase1: random.bytes(random.integer(0, 150)),
    coinbase2: random.bytes(random.integer(0, 250)),
    extranonce2Length: random.integer(0, 1) === 0 ? 8 : 16,
    merkleBranch: random.bytes(32 * random.integer(0, 14)),
    networkTarget: bytesOf(random.integer(0, 1) === 0 ? 0n : random.bigint(256)),
    tipNumber: random.integer(0, 5),
  };
}

function aimed(random: RandomSource, jobs: readonly PrepareJob[]): [number, Submission] {
  const index = random.integer(0, jobs.length - 1);
  return [index, randomSubmission(random, jobs[index]!)];
}

function randomSubmission(random: RandomSource, job: PrepareJob): Submission {
  const fair = fairSubmission(random, job);
  const wild = () => random.integer(0, 5) === 0;
  return {
    ...fair,
    ntime: wild() ? random.integer(0, 0xffffffff) : fair.ntime,
    ntimeMin: wild() ? random.integer(1_000, 2_100) : fair.ntimeMin,
    version: wild() ? random.integer(0, 0xffffffff) : fair.version,
    stale: wild(),
    target: random.integer(0, 2) === 0 ? random.bigint(256) : fair.target,
  };
}

/** One that breaks no rule of this job, half of them with a whole version. */
function fairSubmission(random: RandomSource, job: PrepareJob): Submission {
  const versionMask = random.integer(0, 0xffffffff);
  const wholeVersion = random.integer(0, 1) === 0;
  const rolled = (random.integer(0, 0xffffffff) & versionMask) >>> 0;
  return {
    extranonce1: random.bytes(4),
    extranonce2: random.bytes(16),
    ntime: random.integer(1_100, 2_000),
    nonce: random.integer(0, 0xffffffff),
    version: wholeVersion ? (job.version ^ rolled) >>> 0 : rolled,
    wholeVersion,
    versionMask,
    stale: false,
    ntimeMin: random.integer(0, 1_100),
    ntimeMax: 2_000,
    target: everything,
  };
}

/** Version bits as V1 submits them. */
function bits(version: number) {
  return { version, wholeVersion: false };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sha256d(data: Uint8Array): Buffer {
  return createHash("sha256").update(createHash("sha256").update(data).digest()).digest();
}

function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function bytesOf(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
}
