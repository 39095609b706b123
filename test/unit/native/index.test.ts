import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { PoolError } from "../../../src/errors.ts";
import type { Addon } from "../../../src/native/addon.ts";
import { loadAddon, loadBinding } from "../../../src/native/index.ts";
import {
  blockFlag,
  frameLayout,
  openLayout,
  refusalCodes,
  staleFlag,
  submissionLayout,
  verdictLayout,
  wholeVersionFlag,
} from "../../../src/native/layout.ts";
import { randomSource } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import merkleVectors from "../../vectors/merkle_path.json" with { type: "json" };
import { currentBinding } from "./binding.ts";

const binding = await currentBinding();
const folder = await temporaryFolder("native");
afterAll(folder.remove);

const hex = (text: string) => Buffer.from(text, "hex");
const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest();
const sha256d = (data: Uint8Array) => sha256(sha256(data));

describe("loading", () => {
  test("takes the best kernel unless one is asked for", () => {
    expect(loadAddon().kernel).toBe(binding.kernels[0]);
    expect(loadAddon({ kernel: "auto" }).kernel).toBe(binding.kernels[0]);
    for (const kernel of binding.kernels) expect(loadAddon({ kernel }).kernel).toBe(kernel);
  });

  test("always has the portable kernel, as the last choice", () => {
    expect(binding.kernels.at(-1)).toBe("portable");
  });

  test("refuses a kernel that this machine does not have, and names those that it has", () => {
    const refusal = refusalOf(() => loadAddon({ kernel: "abacus" }));
    expect(refusal).toMatchObject({ code: "NATIVE_KERNEL_UNKNOWN" });
    expect(refusal.hint).toContain("portable");
  });

  test("a missing addon says what to run", () => {
    const refusal = refusalOf(() => loadAddon({ path: join(folder.path, "none.node") }));
    expect(refusal).toMatchObject({
      code: "NATIVE_ADDON_MISSING",
      hint: "Run `npm run build:native`.",
    });
  });

  test("a file that is no addon says what to run", () => {
    const path = join(folder.path, "wrong.node");
    writeFileSync(path, "not a shared library");
    expect(refusalOf(() => loadAddon({ path }))).toMatchObject({
      code: "NATIVE_ADDON_UNUSABLE",
      hint: "Run `npm run build:native`.",
    });
  });

  test("an addon of another version is refused", () => {
    const path = join(folder.path, "old.cjs");
    writeFileSync(path, "exports.interfaceVersion = 0;");
    expect(refusalOf(() => loadBinding(path))).toMatchObject({ code: "NATIVE_ADDON_UNUSABLE" });
  });
});

test("both sides of the border have the same layout", () => {
  const codes = refusalCodes.flatMap((name, code) => (name === undefined ? [] : [[name, code]]));
  expect(binding.layout).toEqual({
    submission: submissionLayout,
    verdict: verdictLayout,
    frame: frameLayout,
    open: openLayout,
    refusals: Object.fromEntries(codes),
    staleFlag,
    wholeVersionFlag,
    blockFlag,
  });
});

describe.each(binding.kernels)("kernel %s", (kernel) => {
  const addon = loadAddon({ kernel });

  test("hashes the header of the genesis block to its known hash", () => {
    const header = hex(
      "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e" +
        "67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
    );
    expect(addon.sha256d(header).reverse().toString("hex")).toBe(
      "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    );
  });

  test("computes SHA-256 of the messages of FIPS 180-2, hashed once more", () => {
    const messages = [
      ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
      ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
      [
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      ],
      ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
    ] as const;
    for (const [message, digest] of messages) {
      expect(addon.sha256d(Buffer.from(message))).toEqual(sha256(hex(digest)));
    }
  });

  test("agrees with OpenSSL on every length up to 1,100 bytes", () => {
    const bytes = randomSource(1).bytes(1_100);
    for (let length = 0; length <= bytes.length; length++) {
      const data = bytes.subarray(bytes.length - length);
      if (!addon.sha256d(data).equals(sha256d(data))) expect.fail(`${length} bytes`);
    }
  });

  test("agrees with OpenSSL on random lengths, values and alignments", () => {
    const random = randomSource(2);
    const bytes = random.bytes(20_000);
    for (let round = 0; round < 2_000; round++) {
      const start = random.integer(0, bytes.length);
      const end = random.integer(start, Math.min(bytes.length, start + 3_000));
      const data = bytes.subarray(start, end);
      if (!addon.sha256d(data).equals(sha256d(data))) expect.fail(`bytes ${start} to ${end}`);
    }
  });

  test("finds the branches and roots of mainnet's blocks 170 and 100000, and of odd trees", () => {
    for (const vector of merkleVectors.vectors) {
      const coinbase = hex(vector.coinbase_txid_wire);
      const path = vector.merkle_path_wire.map(hex);
      expect(addon.merkleRoot(coinbase, Buffer.concat(path)).toString("hex")).toBe(vector.merkle_root_wire);
      expect(addon.merkleBranch(Buffer.concat(otherTxids(vector)))).toEqual(path);
    }
  });

  test("branch and root of blocks of any size agree with Bitcoin's tree, built plainly", () => {
    const random = randomSource(3);
    for (let count = 1; count <= 130; count++) {
      const txids = Array.from({ length: count }, () => random.bytes(32));
      const [coinbase, ...others] = txids;
      const branch = addon.merkleBranch(Buffer.concat(others));
      expect(addon.merkleRoot(coinbase!, Buffer.concat(branch))).toEqual(plainRoot(txids));
    }
  });
});

describe("CRC-32C", () => {
  const addon = loadAddon();

  test("gives the check value of the catalogue and the values of RFC 3720, B.4", () => {
    const check = Buffer.from("123456789");
    expect(addon.crc32c(check, 0, 9)).toBe(0xe3069283);
    expect(addon.crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
    expect(addon.crc32c(Buffer.alloc(32, 0xff), 0, 32)).toBe(0x62a8ab43);
    const rising = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
    expect(addon.crc32c(rising, 0, 32)).toBe(0x46dd794e);
    expect(addon.crc32c(rising.reverse(), 0, 32)).toBe(0x113fdb5c);
  });

  test("covers exactly the range it is given", () => {
    const random = randomSource(4);
    const bytes = random.bytes(600);
    for (let round = 0; round < 1_000; round++) {
      const start = random.integer(0, bytes.length);
      const end = random.integer(start, bytes.length);
      expect(addon.crc32c(bytes, start, end)).toBe(plainCrc32c(bytes.subarray(start, end)));
    }
  });
});

describe("arguments", () => {
  const addon = loadAddon();
  const job = aJob();
  const prepared = addon.prepareJob(job);
  const seen = addon.createSeenWindow(10);
  const submission = new Uint8Array(submissionLayout.size);
  const verdict = new Uint8Array(verdictLayout.size);
  const bytes = (length: number) => new Uint8Array(length);

  /** A call with wrong types, as it can come from code that the compiler did not see. */
  function refused(call: (untyped: Record<keyof Addon, (...args: unknown[]) => unknown>) => unknown) {
    let error: unknown;
    try {
      call(addon as unknown as Record<keyof Addon, (...args: unknown[]) => unknown>);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TypeError);
    return (error as TypeError).message;
  }

  test("of a wrong length are refused by name", () => {
    expect(refused((a) => a.merkleBranch(bytes(33)))).toBe("txids must have a multiple of 32 bytes, not 33");
    expect(refused((a) => a.merkleRoot(bytes(31), bytes(0)))).toBe("coinbaseTxid must have 32 bytes, not 31");
    expect(refused((a) => a.merkleRoot(bytes(32), bytes(1)))).toMatch(/^branch /);
    for (const length of [0, 79, 81]) {
      const message = refused((a) => a.judge(prepared, seen, bytes(length), verdict));
      expect(message).toBe(`submission must have 80 bytes, not ${length}`);
    }
    for (const length of [0, 111, 113]) {
      expect(refused((a) => a.judge(prepared, seen, submission, bytes(length)))).toMatch(/^verdict /);
    }
    const wide = addon.prepareJob({ ...job, extranonce2Length: 16 });
    expect(refused((a) => a.jobRoots(prepared, bytes(13), bytes(32)))).toBe(
      "extranonces must have a multiple of 12 bytes, not 13",
    );
    expect(refused((a) => a.jobRoots(wide, bytes(24), bytes(64)))).toMatch(
      /^extranonces .* 20 bytes, not 24/,
    );
    for (const length of [0, 63, 65, 96])
      expect(refused((a) => a.jobRoots(prepared, bytes(24), bytes(length)))).toMatch(/^roots .* 64 bytes/);
    expect(refused((a) => a.scanNonces(bytes(79), bytes(32), 0, 1))).toMatch(/^header /);
    expect(refused((a) => a.scanNonces(bytes(80), bytes(33), 0, 1))).toMatch(/^target /);
  });

  test("of a job are refused by name", () => {
    const faults = {
      previousHash: bytes(31),
      coinbase1: bytes(1_000_001),
      coinbase2: bytes(1_000_001),
      merkleBranch: bytes(33 * 32),
      networkTarget: bytes(33),
      version: -1,
      bits: 2 ** 32,
      minTime: 1.5,
      tipNumber: Number.NaN,
      extranonce2Length: 12,
    };
    for (const [name, value] of Object.entries(faults)) {
      expect(refused((a) => a.prepareJob({ ...job, [name]: value }))).toMatch(new RegExp(`^job\\.${name} `));
      expect(refused((a) => a.prepareJob({ ...job, [name]: "1" }))).toMatch(new RegExp(`^job\\.${name} `));
      expect(refused((a) => a.prepareJob({ ...job, [name]: undefined }))).toMatch(
        new RegExp(`^job\\.${name} `),
      );
    }
    expect(refused((a) => a.prepareJob({ ...job, merkleBranch: bytes(31) }))).toMatch(/^job\.merkleBranch /);
    expect(refused((a) => a.prepareJob(undefined))).toBe("job must be an object");
  });

  test("of a wrong type are refused by name", () => {
    for (const wrong of [undefined, null, 1, "00", {}, [], () => 0, new ArrayBuffer(32)]) {
      expect(refused((a) => a.sha256d(wrong))).toBe("data must be a Uint8Array");
      expect(refused((a) => a.judge(prepared, seen, wrong, verdict))).toMatch(/^submission /);
      expect(refused((a) => a.judge(prepared, seen, submission, wrong))).toMatch(/^verdict /);
      expect(refused((a) => a.jobRoots(prepared, wrong, bytes(0)))).toMatch(/^extranonces /);
      expect(refused((a) => a.jobRoots(prepared, bytes(0), wrong))).toMatch(/^roots /);
    }
    const others = [undefined, null, 1, "x", {}, bytes(80), new Proxy(prepared, {}), Object.create(prepared)];
    for (const wrong of [...others, seen]) {
      expect(refused((a) => a.judge(wrong, seen, submission, verdict))).toBe(
        "job is not what this addon made",
      );
      expect(refused((a) => a.jobRoots(wrong, bytes(12), bytes(32)))).toBe("job is not what this addon made");
    }
    for (const wrong of [...others, prepared]) {
      expect(refused((a) => a.judge(prepared, wrong, submission, verdict))).toBe(
        "seen is not what this addon made",
      );
    }
    const { forgetBefore } = seen;
    expect(refused(() => forgetBefore.call({} as typeof seen, 1))).toMatch(/^this /);
    expect(refused(() => Reflect.get(seen, "size", prepared))).toMatch(/^this /);
  });

  test("that are numbers out of range are refused by name", () => {
    const data = bytes(10);
    for (const wrong of [-1, 11, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "1", undefined, 1n]) {
      expect(refused((a) => a.crc32c(data, wrong, 10))).toMatch(/^start must be a whole number from 0 to 10/);
      expect(refused((a) => a.crc32c(data, 0, wrong))).toMatch(/^end /);
    }
    expect(refused((a) => a.crc32c(data, 6, 5))).toMatch(/^end must be a whole number from 6 to 10/);
    for (const wrong of [0, -1, 2 ** 32, 1.5, Number.NaN, undefined]) {
      expect(refused((a) => a.createSeenWindow(wrong))).toMatch(/^maxEntries /);
    }
    expect(refused((a) => a.scanNonces(bytes(80), bytes(32), 2 ** 32, 0))).toMatch(/^nonceStart /);
    expect(refused((a) => a.scanNonces(bytes(80), bytes(32), 2 ** 32 - 1, 2))).toMatch(/^count /);
    for (const wrong of [-1, 0.5, 2 ** 53, undefined]) {
      expect(refused(() => seen.forgetBefore(wrong as number))).toMatch(/^tipNumber /);
    }
  });

  test("whose memory was taken away by a getter are refused, not read", () => {
    const coinbase1 = new Uint8Array(new ArrayBuffer(4_096));
    const hostile = {
      ...job,
      previousHash: bytes(32),
      coinbase1,
      get tipNumber() {
        structuredClone(coinbase1.buffer, { transfer: [coinbase1.buffer as ArrayBuffer] });
        return 1;
      },
    };
    expect(() => addon.prepareJob(hostile)).not.toThrow();
    expect(coinbase1.length).toBe(0);
  });

  test("an error thrown by a getter comes through as it is", () => {
    const error = new RangeError("mine");
    const hostile = {
      ...job,
      get bits(): number {
        throw error;
      },
    };
    expect(() => addon.prepareJob(hostile)).toThrow(error);
  });

  test("are copied: a job does not change with the bytes it was made of", () => {
    const parts = aJob();
    const copied = addon.prepareJob(parts);
    const before = new Uint8Array(verdictLayout.size);
    addon.judge(copied, seen, submission, before);
    for (const part of Object.values(parts)) if (part instanceof Uint8Array) part.fill(0xee);
    addon.judge(copied, seen, submission, verdict);
    expect(verdict).toEqual(before);
  });
});

function aJob() {
  return {
    version: 0x20000000,
    previousHash: new Uint8Array(32),
    bits: 0x1d00ffff,
    minTime: 1,
    coinbase1: new Uint8Array(60),
    coinbase2: new Uint8Array(100),
    extranonce2Length: 8 as const,
    merkleBranch: new Uint8Array(64),
    networkTarget: new Uint8Array(32),
    tipNumber: 1,
  };
}

function refusalOf(call: () => unknown): PoolError {
  try {
    call();
  } catch (error) {
    if (error instanceof PoolError) return error;
    throw error;
  }
  return expect.fail("nothing was refused");
}

/** All transactions of a block but its coinbase, in internal order. */
function otherTxids(vector: (typeof merkleVectors.vectors)[number]): Buffer[] {
  const txids =
    vector.txids_display_order?.map((txid) => hex(txid).reverse()) ?? (vector.leaves_wire ?? []).map(hex);
  return txids.slice(1);
}

function plainRoot(txids: readonly Buffer[]): Buffer {
  let level = [...txids];
  while (level.length > 1) {
    if (level.length % 2 === 1) level.push(level.at(-1)!);
    const pairs = Array.from({ length: level.length / 2 }, (_, i) => [level[2 * i]!, level[2 * i + 1]!]);
    level = pairs.map((pair) => sha256d(Buffer.concat(pair)));
  }
  return level[0]!;
}

function plainCrc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
