/** Brings the schema up to date: plain SQL files, each applied once, in a transaction of its own, and remembered. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { Client } from "pg";
import { PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import { statement } from "./sql.ts";

/** Any number, the same in all versions: one migration at a time per database. */
const lockKey = 7_368_001;

const createTable = statement("create-migrations-table");
const selectApplied = statement("select-migrations");
const insertApplied = statement("insert-migration");

export interface Migration {
  /** File name, e.g. "0001-ledger.sql"; applied in the order of names. */
  readonly name: string;
  readonly text: string;
}

export function shippedMigrations(): Migration[] {
  const folder = new URL("./sql/migrations/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));
}

/**
 * @throws PoolError MIGRATION_CHANGED if a file differs from what was applied, MIGRATION_UNKNOWN if the database was
 * made by a newer version.
 */
export async function migrate(
  client: Client,
  log: Logger,
  migrations: readonly Migration[] = shippedMigrations(),
): Promise<void> {
  await client.query("SELECT pg_advisory_lock($1)", [lockKey]);
  try {
    await client.query(createTable);
    const { rows } = await client.query<{ name: string; checksum: string }>(selectApplied);
    const applied = new Map(rows.map(({ name, checksum }) => [name, checksum]));
    refuseUnknown(applied, migrations);
    for (const migration of migrations) {
      const checksum = createHash("sha256").update(migration.text).digest("hex");
      const known = applied.get(migration.name);
      if (known === undefined) await applyOne(client, migration, checksum, log);
      else if (known !== checksum) throw changed(migration.name);
    }
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [lockKey]).catch(() => {}); // goes with the session anyway
  }
}

async function applyOne(
  client: Client,
  { name, text }: Migration,
  checksum: string,
  log: Logger,
): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(text);
    await client.query(insertApplied, [name, checksum]);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {}); // the first error tells more
    throw error;
  }
  log.info({ event: "ledger-migrated", migration: name }, "the ledger's schema was brought forward");
}

function refuseUnknown(applied: ReadonlyMap<string, string>, migrations: readonly Migration[]): void {
  const shipped = new Set(migrations.map(({ name }) => name));
  const unknown = [...applied.keys()].find((name) => !shipped.has(name));
  if (unknown === undefined) return;
  throw new PoolError(
    "MIGRATION_UNKNOWN",
    `The database has migration ${unknown}, which this version of the pool does not know.`,
    "A newer version was here: use that version, or a database from before it.",
  );
}

function changed(name: string): PoolError {
  return new PoolError(
    "MIGRATION_CHANGED",
    `Migration ${name} is not the one that this database was made with.`,
    "Install an unchanged release of the pool.",
  );
}
