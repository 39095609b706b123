/** mining.get_transactions [job id] → ["transaction in hex"…], all of the job's block but the coinbase */

import { Malformed } from "../malformed.ts";
import { encodeResult } from "./answer.ts";
import type { Json } from "./json.ts";

/** @returns the job id as it stands in the request. */
export function decodeGetTransactions(params: readonly Json[]): string | Malformed {
  const [jobId] = params;
  if (typeof jobId !== "string") return new Malformed("the job id (1st parameter) must be a string");
  return jobId;
}

/** @param transactions plain hex digits. */
export function encodeTransactions(idText: string, transactions: readonly string[]): string {
  return encodeResult(idText, `[${transactions.map((hex) => `"${hex}"`).join(",")}]`);
}
