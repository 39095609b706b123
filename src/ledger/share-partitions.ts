/** A partition of `shares` per UTC day, so that old shares go at once and cost nothing. */
import type { ClientBase } from "pg";
import { statement } from "./sql.ts";

const selectPartitions = statement("select-share-partitions");
const dayMs = 86_400_000;
const prefix = "shares_";

export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}

/** Days since 1970 that have a partition. */
export async function partitionDays(client: ClientBase): Promise<Set<number>> {
  const { rows } = await client.query<{ name: string }>(selectPartitions);
  return new Set(rows.map(({ name }) => Number(name.slice(prefix.length))));
}

/**
 * Made on its own and then attached: that takes no lock which a long `ledger shares` holds, whereas
 * CREATE TABLE … PARTITION OF would wait for it.
 */
export async function makePartition(client: ClientBase, day: number): Promise<void> {
  const name = `${prefix}${day}`;
  const [from, to] = [day, day + 1].map((edge) => `to_timestamp(${edge * 86_400})`);
  await client.query(`CREATE TABLE ${name} (LIKE shares INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
  await client.query(`ALTER TABLE shares ATTACH PARTITION ${name} FOR VALUES FROM (${from}) TO (${to})`);
}

/**
 * Drops the days before `firstDay`; one that somebody reads at the moment is left for the next time.
 * @returns how many went.
 */
export async function dropPartitions(client: ClientBase, firstDay: number): Promise<number> {
  let dropped = 0;
  for (const day of await partitionDays(client)) {
    if (day >= firstDay) continue;
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = '1s'; DROP TABLE ${prefix}${day}; COMMIT`);
      dropped += 1;
    } catch (error) {
      await client.query("ROLLBACK");
      if ((error as { code?: string }).code !== "55P03") throw error;
    }
  }
  return dropped;
}
