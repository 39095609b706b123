import { Malformed } from "../../protocol/malformed.ts";
import { encodeRefusal } from "../../protocol/v1/answer.ts";
import { decodeGetTransactions, encodeTransactions } from "../../protocol/v1/get-transactions.ts";
import { decodeJobId } from "../../protocol/v1/job-id.ts";
import type { Line } from "../../protocol/v1/line.ts";
import type { Session } from "./session.ts";

/**
 * For those who want to see what they work on. Only as much as may wait for a slow reader anyway: megabytes of
 * transactions before the next job would cost a thin link more work than they are worth.
 */
export function getTransactions(session: Session, line: Line): Malformed | undefined {
  const jobId = decodeGetTransactions(line.params);
  if (jobId instanceof Malformed) return jobId;
  const { context, channel } = session;
  const id = decodeJobId(jobId);
  const job = id && channel?.inForce(id) && context.jobs.get(id.number);
  if (job === undefined) {
    session.answers.answer(encodeRefusal(line.idText, "job-not-found"));
    return undefined;
  }
  const mostBytes = Math.floor(context.limits.queuedBytes / 2);
  const transactions = context.transactionsOf(job, mostBytes);
  session.answers.answer(
    transactions === undefined
      ? encodeRefusal(
          line.idText,
          "unavailable",
          `The job's ${job.data.transactionCount} transactions are more than ${mostBytes} bytes; ask a Bitcoin node for them.`,
        )
      : encodeTransactions(line.idText, transactions),
  );
  return undefined;
}
