/**
 * mining.notify [job id, previous hash, coinbase1, coinbase2, [branch…], version, bits, ntime, clean], to clients.
 *
 * V1 has its own order for one field: the previous hash is sent as eight 4-byte words, each with its bytes swapped.
 * Version, bits and ntime are numbers in hex, most significant digit first; branch hashes are in internal order.
 */
import { fromHex } from "../../bitcoin/bytes.ts";
import { Malformed } from "../malformed.ts";
import { hexBytes, hexNumber, hexOfBytes, hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";

/** What a job tells a client; a JobData has it all. Hashes in internal order. */
export interface Work {
  readonly previousHash: Uint8Array;
  readonly coinbase1: Uint8Array;
  readonly coinbase2: Uint8Array;
  readonly merkleBranch: readonly Uint8Array[];
  readonly version: number;
  readonly bits: number;
  readonly startTime: number;
}

/** A job's line without its id and flag, so that the long part is made once however often the job is sent. */
export interface NotifyBody {
  readonly text: string;
}

export function encodeNotifyBody(work: Work): NotifyBody {
  const branch = work.merkleBranch.map((hash) => `"${hexOfBytes(hash)}"`).join(",");
  const numbers = `"${hexOfNumber(work.version)}","${hexOfNumber(work.bits)}","${hexOfNumber(work.startTime)}"`;
  const coinbase = `"${hexOfBytes(work.coinbase1)}","${hexOfBytes(work.coinbase2)}"`;
  return { text: `"${hexOfBytes(wordsSwapped(work.previousHash))}",${coinbase},[${branch}],${numbers}` };
}

/** @param clean the client must drop its earlier jobs. */
export function encodeNotify(jobId: string, body: NotifyBody, clean: boolean): string {
  return `{"id":null,"method":"mining.notify","params":["${jobId}",${body.text},${clean}]}\n`;
}

/** A client's view of a job. */
export interface Notify extends Work {
  readonly jobId: string;
  readonly clean: boolean;
}

const maxBranch = 32;

export function decodeNotify(params: readonly Json[]): Notify | Malformed {
  const [
    jobId,
    previousText,
    coinbase1Text,
    coinbase2Text,
    branchValue,
    versionText,
    bitsText,
    timeText,
    clean,
  ] = params;
  const swapped = typeof previousText === "string" ? hexBytes(previousText, 32) : undefined;
  const coinbase1 = typeof coinbase1Text === "string" ? fromHex(coinbase1Text) : undefined;
  const coinbase2 = typeof coinbase2Text === "string" ? fromHex(coinbase2Text) : undefined;
  const merkleBranch = branchOf(branchValue);
  const [version, bits, startTime] = [versionText, bitsText, timeText].map((text) =>
    typeof text === "string" ? hexNumber(text) : -1,
  ) as [number, number, number];
  if (typeof jobId !== "string") return new Malformed("the pool sent a job without an id");
  if (!swapped || !coinbase1 || !coinbase2 || !merkleBranch)
    return new Malformed("the pool sent a job with bad hex");
  if (version < 0 || bits < 0 || startTime < 0) return new Malformed("the pool sent a job with a bad number");
  const previousHash = wordsSwapped(swapped);
  return {
    jobId,
    previousHash,
    coinbase1,
    coinbase2,
    merkleBranch,
    version,
    bits,
    startTime,
    clean: clean === true,
  };
}

function branchOf(value: Json | undefined): Uint8Array[] | undefined {
  if (!Array.isArray(value) || value.length > maxBranch) return undefined;
  const branch = value.map((hash) => (typeof hash === "string" ? hexBytes(hash, 32) : undefined));
  return branch.every((hash) => hash !== undefined) ? branch : undefined;
}

function wordsSwapped(hash: Uint8Array): Buffer {
  return Buffer.from(hash).swap32();
}
