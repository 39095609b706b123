import { expect, test } from "vitest";
import { Malformed } from "../../src/protocol/malformed.ts";
import { decodeAnswer } from "../../src/protocol/v1/answer.ts";
import { decodeAuthorize } from "../../src/protocol/v1/authorize.ts";
import {
  decodeConfiguration,
  decodeConfigure,
  encodeConfiguration,
} from "../../src/protocol/v1/configure.ts";
import { decodeGetTransactions } from "../../src/protocol/v1/get-transactions.ts";
import { decodeVersion } from "../../src/protocol/v1/get-version.ts";
import type { Json } from "../../src/protocol/v1/json.ts";
import type { Line } from "../../src/protocol/v1/line.ts";
import { isAnswer, readLine } from "../../src/protocol/v1/line.ts";
import { decodeNotify } from "../../src/protocol/v1/notify.ts";
import { decodePassword } from "../../src/protocol/v1/password.ts";
import { decodeSetExtranonce } from "../../src/protocol/v1/set-extranonce.ts";
import { decodeSetVersionMask } from "../../src/protocol/v1/set-version-mask.ts";
import { decodeShowMessage } from "../../src/protocol/v1/show-message.ts";
import { decodeSubmit } from "../../src/protocol/v1/submit.ts";
import { decodeSubscribe, decodeSubscription } from "../../src/protocol/v1/subscribe.ts";
import { decodeSuggestDifficulty } from "../../src/protocol/v1/suggest-difficulty.ts";
import { decodeSuggestTarget } from "../../src/protocol/v1/suggest-target.ts";
import { maxWorkerLength, splitUserName } from "../../src/protocol/v1/user-name.ts";
import { mulberry32 } from "../support/random.ts";

/** PENSTOCK_LINES makes a long campaign of it. */
const lines = Number(process.env["PENSTOCK_LINES"] ?? 500_000);

const seeds = [
  '{"id":1,"method":"mining.submit","params":["bc1qaddress.rig","000000000a00","0000000000000001","65a0b1c2","deadbeef","00002000"]}',
  '{"params": ["x", null, true, false, [], {}, "\\u00e9\\n", -1.5e-7, 0], "id": "a", "method": "mining.subscribe"}',
  '{"id":null,"method":"mining.configure","params":[["version-rolling","info"],{"version-rolling.mask":"1fffe000","info.hw-id":"a"}]}',
  '{"id":[1,{"a":[[[[[]]]]]}],"result":true,"error":[21,"stale",null],"__proto__":{"method":"x"}}',
  '{"id":"ä😀","method":"mining.suggest_difficulty","params":[1e999]}',
  '{"id":2,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":"2048"}]}',
  '{"id":3,"method":"mining.authorize","params":["bc1qaddress%2Erig%20é","d=1024,sd=.5;md=1e3&th=110 x"]}',
  '{"id":4,"method":"mining.suggest_target","params":["00000000ffff0000000000000000000000000000000000000000000000000000"]}',
  '{"id":5,"result":"cgminer/4.12","error":null}',
  '{"id":null,"method":"mining.set_extranonce","params":["0a0b0c0d",8]}',
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

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the strict grammar, as the platform knows it, says: an object in UTF-8, at most 8 levels deep. */
function isRequestShaped(bytes: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
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
  decodeSuggestDifficulty,
  decodeSuggestTarget,
  decodeGetTransactions,
  decodeNotify,
  decodeSetExtranonce,
  decodeSetVersionMask,
  decodeShowMessage,
];

/** Shows a line to all that reads one. */
function decodeAll(line: Line): void {
  const { params, result } = line;
  for (const decode of decoders) decode(params);
  const request = decodeConfigure(params);
  if (!(request instanceof Malformed)) checkConfiguration(encodeConfiguration(line.idText, request, {}));
  for (const value of params) if (typeof value === "string") checkText(value);
  checkSuggestion(decodeSuggestDifficulty(params));
  checkSuggestion(decodeSuggestTarget(params));
  if (!isAnswer(line)) return;
  decodeAnswer(line);
  decodeVersion(result);
  decodeSubscription(result);
  decodeConfiguration(result);
}

/** Whatever the names of extensions and their faults are, they come back in one line of JSON. */
function checkConfiguration(answer: string): void {
  const line = readLine(Buffer.from(answer.slice(0, -1)));
  if (line instanceof Malformed || !answer.endsWith("\n")) expect.fail(answer);
}

function checkText(text: string): void {
  const { worker } = splitUserName(text);
  if (worker.length > maxWorkerLength || !/^[A-Za-z0-9._:@+-]*$/.test(worker)) expect.fail(text);
  for (const value of Object.values(decodePassword(text))) {
    if (value !== undefined && !(value > 0 && value <= 1e15)) expect.fail(text);
  }
}

function checkSuggestion(difficulty: number | Malformed): void {
  if (difficulty instanceof Malformed) return;
  if (!(difficulty > 0 && difficulty < Number.POSITIVE_INFINITY)) expect.fail(String(difficulty));
}

test("damaged lines: refused or read, as the strict grammar says, and nothing is ever thrown", {
  timeout: 600_000,
}, () => {
  const below = mulberry32(0x5eed);
  let read = 0;
  for (let round = 0; round < lines; round++) {
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
    if (isRead) decodeAll(line);
  }
  // The generator is of use only if both happen often.
  expect(read).toBeGreaterThan(lines / 10);
  expect(read).toBeLessThan((lines * 9) / 10);
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

const textScraps = [
  "d=",
  "sd=",
  "th=",
  "%2E",
  "%2e",
  "%",
  ".",
  ",",
  ";",
  "&",
  " ",
  "=",
  "e",
  "9",
  "0",
  "-",
  "é",
  "\0",
  "x",
];

test("no user name and no password is more than it may be, whatever is written", () => {
  const below = mulberry32(18);
  for (let round = 0; round < 200_000; round++) {
    checkText(Array.from({ length: below(40) }, () => textScraps[below(textScraps.length)]).join(""));
  }
});

test("any value in any place of the parameters is read or refused", () => {
  const below = mulberry32(54);
  for (let round = 0; round < 200_000; round++) {
    const params = Array.from({ length: below(5) }, () => aValue(below, 3));
    const line = {
      idText: "1",
      method: undefined,
      params,
      result: aValue(below, 3),
      error: aValue(below, 2),
    };
    decodeAll(line);
  }
});

const words = [
  "",
  "00",
  "1fffe000",
  "f".repeat(64),
  "version-rolling",
  "minimum-difficulty",
  "subscribe-extranonce",
  "info",
  "1e3",
  "\ud800",
  "x".repeat(300),
];
const keys = [
  "version-rolling.mask",
  "version-rolling.min-bit-count",
  "minimum-difficulty.value",
  "info.hw-id",
  "code",
];
const numbers = [0, -0, 1, -1, 8, 0.5, 5e-324, 2 ** 53, 1.7976931348623157e308, Number.POSITIVE_INFINITY];

function aValue(below: (limit: number) => number, depth: number): Json {
  switch (below(depth > 0 ? 6 : 4)) {
    case 0:
      return null;
    case 1:
      return below(2) === 0;
    case 2:
      return numbers[below(numbers.length)]!;
    case 3:
      return words[below(words.length)]!;
    case 4:
      return Array.from({ length: below(4) }, () => aValue(below, depth - 1));
    default:
      return new Map(keys.slice(below(5)).map((key) => [key, aValue(below, depth - 1)]));
  }
}
