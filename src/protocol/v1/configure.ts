/**
 * mining.configure [[extension…], {"extension.parameter": value…}] → {"extension": true|false|"what is wrong"…}
 * (BIP 310)
 *
 * | extension            | its parameters                                       | what is answered beside it        |
 * |----------------------|------------------------------------------------------|-----------------------------------|
 * | version-rolling      | mask (8 hex digits), min-bit-count                   | mask: the bits both sides can roll |
 * | minimum-difficulty   | value (from 0 on; 0 asks for none)                   | value: the difficulty in force    |
 * | subscribe-extranonce | none                                                 | nothing                           |
 * | info                 | connection-url, hw-version, sw-version, hw-id (texts) | nothing                           |
 *
 * BIP 310 knows no value in the answer to minimum-difficulty; some firmware takes the threshold of its chips from it,
 * once and for all, and without it hands in no share that is not a block.
 */

import { Malformed } from "../malformed.ts";
import { encodeResult } from "./answer.ts";
import { finiteNumber } from "./decimal.ts";
import { hexNumber, hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";
import { printableName } from "./printable.ts";

export interface Configure {
  /** Each name once, in the order of the request. */
  readonly extensions: readonly string[];
  /** Bits that the client can roll; undefined when it did not ask for version rolling, or not well. */
  readonly versionMask: number | undefined;
  /** Bits that the client needs to work at its full rate; undefined when it does not say, or oddly. */
  readonly minBitCount: number | undefined;
  /** The lowest difficulty that suits the client, 0 for any; undefined when it does not say, or not well. */
  readonly minimumDifficulty: number | undefined;
  /** The client understands mining.set_extranonce. */
  readonly subscribesExtranonce: boolean;
  readonly info: DeviceInfo | undefined;
  /** What is wrong with an extension's parameters, by its name: its answer, whereas the others hold. */
  readonly problems: ReadonlyMap<string, string>;
}

/** What a client tells people of itself, each cut to 128 printable ASCII characters; "" where it says nothing. */
export interface DeviceInfo {
  /** By which address it found the pool. */
  readonly connectionUrl: string;
  readonly hardwareVersion: string;
  readonly softwareVersion: string;
  readonly hardwareId: string;
}

/** What the pool grants. What is left out is answered with false, as are extensions that nobody knows. */
export interface ExtensionAnswers {
  /** Bits that both sides can roll. */
  readonly versionMask?: number | undefined;
  /** The difficulty in force on this connection. */
  readonly minimumDifficulty?: number | undefined;
  readonly subscribeExtranonce?: boolean;
  readonly info?: boolean;
}

const maxExtensions = 16;
const maxExtensionLength = 64;
const versionRolling = "version-rolling";
const minimumDifficulty = "minimum-difficulty";
const subscribeExtranonce = "subscribe-extranonce";
const info = "info";
const allBits = 0xffffffff;

type Options = ReadonlyMap<string, Json>;

export function decodeConfigure(params: readonly Json[]): Configure | Malformed {
  const [names, options = null] = params;
  if (!Array.isArray(names) || !names.every(isName)) {
    return new Malformed("the extensions (1st parameter) must be an array of short strings");
  }
  if (names.length > maxExtensions) return new Malformed(`more than ${maxExtensions} extensions`);
  if (options !== null && !(options instanceof Map)) {
    return new Malformed("the extensions' parameters (2nd parameter) must be an object");
  }
  return readExtensions(new Set(names), options ?? new Map());
}

function isName(value: Json): value is string {
  return typeof value === "string" && value.length <= maxExtensionLength;
}

function readExtensions(names: ReadonlySet<string>, options: Options): Configure {
  const problems = new Map<string, string>();
  const read = <T>(name: string, readParameters: (options: Options) => T | Malformed): T | undefined => {
    const value = names.has(name) ? readParameters(options) : undefined;
    if (!(value instanceof Malformed)) return value;
    problems.set(name, value.detail);
    return undefined;
  };
  return {
    extensions: [...names],
    versionMask: read(versionRolling, versionMaskOf),
    minBitCount: read(versionRolling, minBitCountOf),
    minimumDifficulty: read(minimumDifficulty, minimumDifficultyOf),
    subscribesExtranonce: names.has(subscribeExtranonce),
    info: read(info, infoOf),
    problems,
  };
}

function versionMaskOf(options: Options): number | Malformed {
  // BIP 310: without a mask the client can roll every bit.
  const mask = options.get("version-rolling.mask") ?? null;
  if (mask === null) return allBits;
  const bits = typeof mask === "string" ? hexNumber(mask) : -1;
  return bits < 0 ? new Malformed("version-rolling.mask must be 1 to 8 hex digits") : bits;
}

/** BIP 310 calls it a hex string and shows a number: both are read, and nobody is refused for it. */
function minBitCountOf(options: Options): number | undefined {
  const value = options.get("version-rolling.min-bit-count");
  const count = typeof value === "string" ? hexNumber(value) : value;
  if (typeof count !== "number" || !Number.isInteger(count)) return undefined;
  return count >= 0 && count <= allBits ? count : undefined;
}

function minimumDifficultyOf(options: Options): number | undefined | Malformed {
  const value = options.get("minimum-difficulty.value") ?? null;
  if (value === null) return undefined;
  return finiteNumber(value) ?? new Malformed("minimum-difficulty.value must be a number from 0 on");
}

function infoOf(options: Options): DeviceInfo {
  return {
    connectionUrl: printableName(options.get("info.connection-url")),
    hardwareVersion: printableName(options.get("info.hw-version")),
    softwareVersion: printableName(options.get("info.sw-version")),
    hardwareId: printableName(options.get("info.hw-id")),
  };
}

export function encodeConfiguration(idText: string, request: Configure, answers: ExtensionAnswers): string {
  const members = request.extensions.map((name) => {
    const problem = request.problems.get(name);
    const result = problem === undefined ? answerTo(name, answers) : JSON.stringify(problem);
    return `${JSON.stringify(name)}:${result}`;
  });
  return encodeResult(idText, `{${members.join(",")}}`);
}

/** An extension's result, and behind it what else belongs to it. */
function answerTo(name: string, answers: ExtensionAnswers): string {
  switch (name) {
    case versionRolling:
      if (answers.versionMask === undefined) return "false";
      return `true,"version-rolling.mask":"${hexOfNumber(answers.versionMask)}"`;
    case minimumDifficulty:
      if (answers.minimumDifficulty === undefined) return "false";
      return `true,"minimum-difficulty.value":${answers.minimumDifficulty}`;
    case subscribeExtranonce:
      return String(answers.subscribeExtranonce ?? false);
    case info:
      return String(answers.info ?? false);
    default:
      return "false";
  }
}

export function encodeConfigure(id: number, mask: number): string {
  const options = { "version-rolling.mask": hexOfNumber(mask), "version-rolling.min-bit-count": 2 };
  return `${JSON.stringify({ id, method: "mining.configure", params: [[versionRolling], options] })}\n`;
}

/** A client's view: the mask that the pool allows, 0 when it allows none. */
export function decodeConfiguration(result: Json | undefined): number {
  if (!(result instanceof Map) || result.get(versionRolling) !== true) return 0;
  const mask = result.get("version-rolling.mask");
  return typeof mask === "string" ? Math.max(0, hexNumber(mask)) : 0;
}
