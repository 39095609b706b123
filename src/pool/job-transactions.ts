import { statSync } from "node:fs";
import { toHex } from "../bitcoin/bytes.ts";
import { splitTransactions } from "../bitcoin/transaction.ts";
import { PoolError } from "../errors.ts";
import type { JobData } from "../jobs/job.ts";
import { readTransactionsFileSync, transactionsFile } from "../template/transactions-file.ts";

/**
 * The transactions of a job's block but the coinbase, in hex, for a miner who wants to see them.
 * @returns undefined if they are more than `maxBytes` of text, or if their file is gone.
 */
export function transactionsOf(
  directory: string,
  job: Pick<JobData, "templateId" | "transactionCount">,
  maxBytes: number,
): readonly string[] | undefined {
  if (job.transactionCount === 0) return [];
  const size = statSync(transactionsFile(directory, job.templateId), { throwIfNoEntry: false })?.size;
  // Two digits a byte, quotes and a comma.
  if (size === undefined || 2 * size + 3 * job.transactionCount > maxBytes) return undefined;
  const data = readUnlessGone(directory, job.templateId);
  return data && splitTransactions(data).map(toHex);
}

/** The primary may take the file away between two calls. */
function readUnlessGone(directory: string, templateId: string): Uint8Array | undefined {
  try {
    return readTransactionsFileSync(directory, templateId).data;
  } catch (error) {
    if (error instanceof PoolError && error.code === "TRANSACTIONS_FILE_MISSING") return undefined;
    throw error;
  }
}
