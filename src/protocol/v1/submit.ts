/**
 * mining.submit [user, job id, extranonce2, ntime, nonce, version bits?]. ntime, nonce and version bits of fewer than
 * 8 digits are padded on the left; extranonce2 has exactly 16. More parameters than six are ignored.
 */

import { Malformed } from "../malformed.ts";
import { hexBytes, hexNumber, hexOfBytes, hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";

export interface Submit {
  /** The user name as it stands in the request. */
  readonly user: string;
  readonly jobId: string;
  readonly extranonce2: Uint8Array;
  readonly ntime: number;
  readonly nonce: number;
  /** undefined when the client sent none. */
  readonly versionBits: number | undefined;
}

const extranonce2Bytes = 8;

export function decodeSubmit(params: readonly Json[]): Submit | Malformed {
  const [user, jobId, extranonce2Text, ntimeText, nonceText, bitsText] = params;
  if (typeof user !== "string") return new Malformed("the user name (1st parameter) must be a string");
  if (typeof jobId !== "string") return new Malformed("the job id (2nd parameter) must be a string");
  const extranonce2 =
    typeof extranonce2Text === "string" ? hexBytes(extranonce2Text, extranonce2Bytes) : undefined;
  if (extranonce2 === undefined) return new Malformed("extranonce2 (3rd parameter) must be 16 hex digits");
  const ntime = numberOf(ntimeText);
  if (ntime < 0) return new Malformed("ntime (4th parameter) must be 1 to 8 hex digits");
  const nonce = numberOf(nonceText);
  if (nonce < 0) return new Malformed("the nonce (5th parameter) must be 1 to 8 hex digits");
  if (bitsText === undefined || bitsText === null) {
    return { user, jobId, extranonce2, ntime, nonce, versionBits: undefined };
  }
  const versionBits = numberOf(bitsText);
  if (versionBits < 0) return new Malformed("the version bits (6th parameter) must be 1 to 8 hex digits");
  return { user, jobId, extranonce2, ntime, nonce, versionBits };
}

function numberOf(value: Json | undefined): number {
  return typeof value === "string" ? hexNumber(value) : -1;
}

export function encodeSubmit(id: number, submit: Submit): string {
  const { user, jobId, extranonce2, ntime, nonce, versionBits } = submit;
  const params = [user, jobId, hexOfBytes(extranonce2), hexOfNumber(ntime), hexOfNumber(nonce)];
  if (versionBits !== undefined) params.push(hexOfNumber(versionBits));
  return `${JSON.stringify({ id, method: "mining.submit", params })}\n`;
}
