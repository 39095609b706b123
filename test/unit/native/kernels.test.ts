import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { addonFlags, commonFlags, kernelFlags } from "../../../scripts/build-native.mjs";
import { capture } from "../../../scripts/lib/run.mjs";
import { submissionLayout, verdictLayout } from "../../../src/native/layout.ts";
import { type RandomSource, randomSource } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { currentBinding } from "./binding.ts";

const binding = await currentBinding();
const folder = await temporaryFolder("kernels");
afterAll(folder.remove);

const sourceDir = fileURLToPath(new URL("../../../native/src", import.meta.url));
const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest();
const sha256d = (data: Uint8Array) => sha256(sha256(data));

/** Random values are cut from here: making them anew would take most of the time. */
const pool = randomSource(20_260_115).bytes(1 << 18);

describe.each(binding.kernels)("kernel %s agrees with OpenSSL", (kernel) => {
  const addon = binding.addon(kernel);
  const random = randomSource(kernel.length);

  test("on 2,000 messages of 0 to 1,000 bytes", () => {
    for (let round = 0; round < 2_000; round++) {
      const data = cut(random, random.integer(0, 1_000));
      if (!addon.sha256d(data).equals(sha256d(data))) expect.fail(data.toString("hex"));
    }
  });

  test("on branches and roots of trees of every size up to 70 leaves, and of some with thousands", () => {
    const sizes = [...Array.from({ length: 70 }, (_, i) => i + 1), 1_023, 1_024, 1_025, 4_999, 5_000];
    for (const size of sizes) {
      const leaves = cut(random, size * 32);
      const branch = Buffer.concat(addon.merkleBranch(leaves.subarray(32)));
      const { root, branch: expected } = plainTree(leaves);
      if (!branch.equals(expected)) expect.fail(`branch of ${size} leaves`);
      if (!addon.merkleRoot(leaves.subarray(0, 32), branch).equals(root))
        expect.fail(`root of ${size} leaves`);
    }
  });

  test("on the headers of 1,000 shares with coinbases and branches of any shape", () => {
    const seen = addon.createSeenWindow(1_000);
    const verdict = Buffer.alloc(verdictLayout.size);
    for (let round = 0; round < 1_000; round++) {
      const coinbase1 = cut(random, random.integer(0, 300));
      const coinbase2 = cut(random, random.integer(0, 300));
      const extranonce2Length = random.integer(0, 1) === 0 ? 8 : 16;
      const merkleBranch = cut(random, 32 * random.integer(0, 16));
      const prepared = addon.prepareJob({
        version: 0,
        previousHash: cut(random, 32),
        bits: 0,
        minTime: 0,
        coinbase1,
        coinbase2,
        extranonce2Length,
        merkleBranch,
        networkTarget: Buffer.alloc(32),
        tipNumber: 1,
      });
      const submission = cut(random, submissionLayout.size);
      addon.judge(prepared, seen, submission, verdict);
      const extranonces = submission.subarray(0, submissionLayout.extranonce2 + extranonce2Length);
      const header = verdict.subarray(verdictLayout.header, verdictLayout.header + 80);
      const root = rootOf(Buffer.concat([coinbase1, extranonces, coinbase2]), merkleBranch);
      if (!header.subarray(36, 68).equals(root)) expect.fail(`root of share ${round}`);
      if (!verdict.subarray(0, 32).equals(sha256d(header))) expect.fail(`hash of share ${round}`);
    }
  });
});

// An inline function that two files compile, the linker takes from either: from a kernel's, it would stop older processors.
test("no file that is compiled for newer processors has a function that others could be given", async () => {
  for (const [name, flags] of Object.entries(kernelFlags)) {
    const own = flags[process.arch];
    if (own === undefined) continue;
    const object = join(folder.path, `${name}.o`);
    const compiler = process.env["CXX"] ?? "g++";
    const args = [...commonFlags, ...addonFlags, ...own, "-c", join(sourceDir, name), "-o", object];
    expect(await capture(compiler, args)).toMatchObject({ code: 0 });
    const { stdout } = await capture("nm", ["--defined-only", "--extern-only", object]);
    const kinds = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[1]);
    expect(kinds, name).not.toContain("W");
    expect(kinds.filter((kind) => kind === "D" || kind === "R" || kind === "T").length, name).toBeGreaterThan(
      0,
    );
  }
});

function cut(random: RandomSource, length: number): Buffer {
  const start = random.integer(0, pool.length - length);
  return pool.subarray(start, start + length);
}

/** Bitcoin's tree: a level's last node without a partner is hashed with itself. */
function plainTree(leaves: Buffer): { root: Buffer; branch: Buffer } {
  const branch: Buffer[] = [];
  let level = leaves;
  while (level.length > 32) {
    branch.push(level.subarray(32, 64));
    if (level.length % 64 !== 0) level = Buffer.concat([level, level.subarray(-32)]);
    const pairs = Array.from({ length: level.length / 64 }, (_, i) => level.subarray(i * 64, i * 64 + 64));
    level = Buffer.concat(pairs.map(sha256d));
  }
  return { root: level, branch: Buffer.concat(branch) };
}

function rootOf(coinbase: Buffer, branch: Buffer): Buffer {
  let root = sha256d(coinbase);
  for (let start = 0; start < branch.length; start += 32) {
    root = sha256d(Buffer.concat([root, branch.subarray(start, start + 32)]));
  }
  return root;
}
