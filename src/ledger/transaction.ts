import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { PoolError } from "../errors.ts";

/** Any number, the same in all versions: one writer per database. */
const lockKey = 7_368_002;
const defaultPatienceMs = 10_000;
const lockPollMs = 100;

/** All of it or nothing. */
export async function transaction<T>(client: Client, act: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    const result = await act();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {}); // the first error tells more
    throw error;
  }
}

/** Held until the connection ends. @throws PoolError LEDGER_BUSY */
export async function lockWriter(client: Client, patienceMs = defaultPatienceMs): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { rows } = await client.query<{ held: boolean }>("SELECT pg_try_advisory_lock($1) AS held", [
      lockKey,
    ]);
    if (rows[0]?.held) return;
    if (performance.now() > deadline) break;
    await pause(lockPollMs);
  }
  throw new PoolError(
    "LEDGER_BUSY",
    "Another pool writes to this database.",
    "Run only one pool (or one with the ledger's role) on a database.",
  );
}
