import { afterEach } from "vitest";
import { until } from "./deadline.ts";
import { aJob } from "./jobs.ts";
import { aStratum, hardBits, type RawClient, type StratumChanges, type StratumUnderTest } from "./stratum.ts";

/** Name of the job that `aServingPool` begins with. */
export const job10 = "000000000a00";

const opened: StratumUnderTest[] = [];

afterEach(async () => {
  for (const pool of opened.splice(0)) {
    pool.shares.commit("unavailable");
    // Peers that never read, or wait for what never comes, are cut off when the clock says so.
    const later = setInterval(() => pool.clock.advance(5000), 10);
    await pool.stratum.close();
    clearInterval(later);
  }
});

/** A port that has the job 10, and is closed when the test is over. */
export async function aServingPool(
  changes: StratumChanges = {},
  job = aJob({ number: 10, bits: hardBits }),
): Promise<StratumUnderTest> {
  const pool = await aStratum(changes);
  opened.push(pool);
  pool.broadcast(job);
  return pool;
}

/** Waits for what happens in this process within milliseconds. */
export async function soon(what: string, condition: () => boolean): Promise<void> {
  await until(condition, { timeoutMs: 10_000, what, intervalMs: 2 });
}

/** As many sweeps as it takes until whatever is due has been done; for what must not happen. */
export async function sweeps(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60));
}

export async function untilJobs(client: RawClient, count: number): Promise<void> {
  await soon(`${count} jobs`, () => client.paramsOf("mining.notify").length >= count);
}

/** Names of the jobs that it was sent. */
export function jobsOf(client: RawClient): string[] {
  return client.paramsOf("mining.notify").map(([id]) => id);
}

export function difficultiesOf(client: RawClient): number[] {
  return client.paramsOf("mining.set_difficulty").map(([difficulty]) => difficulty);
}

/** Parameters of a submission; others by their place. */
export function submitParams(
  user: string,
  jobId: string,
  extranonce2 = "0000000000000001",
): readonly unknown[] {
  return [user, jobId, extranonce2, "000007d0", "0000002a"];
}

/** Ends a client's connection and waits until the pool has noticed. */
export async function leave(pool: StratumUnderTest, client: Pick<RawClient, "socket">): Promise<void> {
  const { connections } = pool.stratum.counts;
  client.socket.resetAndDestroy();
  await soon("the end", () => pool.stratum.counts.connections < connections);
}
