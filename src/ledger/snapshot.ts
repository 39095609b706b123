/** Reading the books while the pool writes them: everything as of one moment, and nothing can be changed. */
import type pg from "pg";
import { PoolError } from "../errors.ts";
import { connect } from "./database.ts";

const undefinedTable = "42P01";

/** @throws PoolError LEDGER_NOT_MADE, DATABASE_… */
export async function withSnapshot<T>(
  databaseUrl: string,
  read: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(databaseUrl, "penstock reader", { timeoutMs: 0 });
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return await read(client);
  } catch (error) {
    if ((error as { code?: string }).code !== undefinedTable) throw error;
    throw new PoolError(
      "LEDGER_NOT_MADE",
      "The database holds no ledger yet.",
      "Start the pool once with `penstock serve`; it makes the ledger.",
      { cause: error },
    );
  } finally {
    await client.end();
  }
}

/** The rows of a large answer, a stretch at a time. */
export async function* inStretches<Row extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
  values: readonly unknown[] = [],
): AsyncGenerator<readonly Row[]> {
  await client.query(`DECLARE stretch NO SCROLL CURSOR FOR ${text}`, [...values]);
  for (;;) {
    const { rows } = await client.query<Row>("FETCH 5000 FROM stretch");
    if (rows.length === 0) break;
    yield rows;
  }
  await client.query("CLOSE stretch");
}
