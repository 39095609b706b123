import { expect, test } from "vitest";
import { decodeAuthorize } from "../../src/protocol/v1/authorize.ts";
import { decodeConfigure } from "../../src/protocol/v1/configure.ts";
import { readLine } from "../../src/protocol/v1/line.ts";
import { Malformed } from "../../src/protocol/v1/malformed.ts";
import { decodeNotify } from "../../src/protocol/v1/notify.ts";
import { decodeSubmit } from "../../src/protocol/v1/submit.ts";
import { decodeSubscribe } from "../../src/protocol/v1/subscribe.ts";
import { decodeSuggestDifficulty } from "../../src/protocol/v1/suggest-difficulty.ts";
import { mulberry32 } from "../support/random.ts";

const seeds = [
  '{"id":1,"method":"mining.submit","params":["bc1qaddress.rig","000000000a00","0000000000000001","65a0b1c2","deadbeef","00002000"]}',
  '{"params": ["x", null, true, false, [], {}, "\\u00e9\\n", -1.5e-7, 0], "id": "a", "method": "mining.subscribe"}',
  '{"id":null,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"1fffe000"}]}',
  '{"id":[1,{"a":[[[[[]]]]]}],"result":true,"error":[21,"stale",null],"__proto__":{"method":"x"}}',
  '{"id":"ä😀","method":"mining.suggest_difficulty","params":[1e999]}',
];
const scraps = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\",
  "\\u12",
  "e",
  "-",
  "+",
  ".",
  "0",
  "1",
  "true",
  "null",
  " ",
  "\r",
  "\t",
  "\0",
  "é",
  "\ud800",
  "__proto__",
  "/",
  "'",
];

/** A valid line with a few bytes changed, cut out, doubled or put in. */
function mutant(below: (limit: number) => number): Buffer {
  let bytes = Buffer.from(seeds[below(seeds.length)]!);
  for (let edits = below(4); edits >= 0; edits--) {
    const at = below(bytes.length + 1);
    const to = Math.min(bytes.length, at + below(8));
    switch (below(4)) {
      case 0:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
        break;
      case 1:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(scraps[below(scraps.length)]!),
          bytes.subarray(at),
        ]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
        break;
      default:
        if (at < bytes.length) bytes[at] = below(256);
    }
  }
  return bytes;
}

/** What the strict grammar, as the platform knows it, says: an object in UTF-8, at most 8 levels deep. */
function isRequestShaped(bytes: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    );
    return typeof value === "object" && value !== null && !Array.isArray(value) && depthOf(value) <= 8;
  } catch {
    return false;
  }
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

const decoders = [
  decodeSubmit,
  decodeSubscribe,
  decodeAuthorize,
  decodeConfigure,
  decodeSuggestDifficulty,
  decodeNotify,
];

test("300,000 damaged lines: refused or read, as the strict grammar says, and nothing is ever thrown", () => {
  const below = mulberry32(0x5eed);
  let read = 0;
  for (let round = 0; round < 300_000; round++) {
    const bytes = mutant(below);
    const line = readLine(bytes);
    const isRead = !(line instanceof Malformed);
    if (isRead) read += 1;
    const shaped = isRequestShaped(bytes);
    // Types of the known keys and the id's length are refused beyond the grammar.
    if (isRead && !shaped) expect.fail(`accepted ${JSON.stringify(bytes.toString("latin1"))}`);
    if (!isRead && shaped && /not a JSON object/.test(line.detail)) {
      expect.fail(`refused ${JSON.stringify(bytes.toString("latin1"))}: ${line.detail}`);
    }
    if (isRead) for (const decode of decoders) decode(line.params);
  }
  // The generator is of use only if both happen often.
  expect(read).toBeGreaterThan(30_000);
  expect(read).toBeLessThan(270_000);
});

test("what is read has the values that JSON.parse finds, and the id's own text", () => {
  const below = mulberry32(7);
  for (let round = 0; round < 50_000; round++) {
    const bytes = mutant(below);
    const line = readLine(bytes);
    if (line instanceof Malformed) continue;
    const parsed = JSON.parse(bytes.toString());
    expect(line.method).toEqual(parsed.method);
    expect(JSON.parse(line.idText)).toEqual(parsed.id ?? null);
    if (parsed.params) expect(plain(line.params)).toEqual(parsed.params);
  }
});

/** Maps as the objects that JSON.parse makes. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const object = {};
  for (const [key, member] of value) {
    Object.defineProperty(object, key, {
      value: plain(member),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}

test("200,000 lines of random bytes are refused without an exception", () => {
  const below = mulberry32(99);
  for (let round = 0; round < 200_000; round++) {
    const bytes = Buffer.from(Array.from({ length: below(24) }, () => below(256)));
    expect(readLine(bytes) instanceof Malformed).toBe(true);
  }
});
