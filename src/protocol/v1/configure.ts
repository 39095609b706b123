/**
 * mining.configure [[extension…], {"extension.parameter": value…}] → {"extension": true|false…}   (BIP 310)
 * Of the extensions this pool has `version-rolling`; all others are answered with false.
 */
import { encodeResult } from "./answer.ts";
import { hexNumber, hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";
import { Malformed } from "./malformed.ts";

export interface Configure {
  readonly extensions: readonly string[];
  /** Bits that the client can roll; undefined when it did not ask for version rolling. */
  readonly versionMask: number | undefined;
}

const maxExtensions = 16;
const maxNameLength = 64;
const versionRolling = "version-rolling";
const allBits = 0xffffffff;

export function decodeConfigure(params: readonly Json[]): Configure | Malformed {
  const [extensions, options = null] = params;
  if (!Array.isArray(extensions) || !extensions.every(isName)) {
    return new Malformed("the extensions (1st parameter) must be an array of short strings");
  }
  if (extensions.length > maxExtensions) return new Malformed(`more than ${maxExtensions} extensions`);
  if (options !== null && !(options instanceof Map)) {
    return new Malformed("the extensions' parameters (2nd parameter) must be an object");
  }
  if (!extensions.includes(versionRolling)) return { extensions, versionMask: undefined };
  // BIP 310: without a mask the client can roll every bit.
  const mask = options?.get("version-rolling.mask");
  if (mask === undefined || mask === null) return { extensions, versionMask: allBits };
  const versionMask = typeof mask === "string" ? hexNumber(mask) : -1;
  if (versionMask < 0) return new Malformed("version-rolling.mask must be 1 to 8 hex digits");
  return { extensions, versionMask };
}

function isName(value: Json): value is string {
  return typeof value === "string" && value.length <= maxNameLength;
}

/** @param versionMask what both sides can roll; undefined if version rolling was not asked for. */
export function encodeConfiguration(
  idText: string,
  extensions: readonly string[],
  versionMask: number | undefined,
): string {
  const members = [...new Set(extensions)].map((name) =>
    name === versionRolling && versionMask !== undefined
      ? `"version-rolling":true,"version-rolling.mask":"${hexOfNumber(versionMask)}"`
      : `${JSON.stringify(name)}:false`,
  );
  return encodeResult(idText, `{${members.join(",")}}`);
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
