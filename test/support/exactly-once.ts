import { expect } from "vitest";
import type { LedgerShare, TestMiners } from "./miners.ts";
import type { TestPool } from "./pool.ts";

/**
 * The promise, seen from outside once the miners have stopped: each acknowledged share is in the ledger once, none is
 * there that nobody made, and the books can be recomputed. @returns what the ledger has, by hash.
 */
export async function expectExactlyOnce(
  pool: TestPool,
  miners: Pick<TestMiners, "acknowledged" | "submitted">,
): Promise<ReadonlyMap<string, LedgerShare>> {
  await pool.applied();
  const { stdout, code } = await pool.cli("ledger", "shares");
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LedgerShare);
  const inLedger = new Map(lines.map((share) => [share.hash, share]));
  expect(inLedger.size, "no share stands twice").toBe(lines.length);
  const lost = [...miners.acknowledged.keys()].filter((hash) => !inLedger.has(hash));
  expect(lost, "acknowledged but not in the ledger").toEqual([]);
  const invented = [...inLedger.keys()].filter((hash) => !miners.submitted.has(hash));
  expect(invented, "in the ledger but made by nobody").toEqual([]);

  const recomputed = await pool.cli("ledger", "recompute");
  expect(recomputed, recomputed.stdout + recomputed.stderr).toMatchObject({ code: 0 });
  return inLedger;
}
