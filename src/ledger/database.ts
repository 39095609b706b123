/** Connections to Postgres, what is asked of the server, and which of its errors may be tried again. */
import pg from "pg";
import { PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";

const connectTimeoutMs = 10_000;
/** A statement that takes longer has lost its server: none of the writer's takes a second. */
const writerTimeoutMs = 120_000;

/**
 * @param options.timeoutMs of a statement; 0: none.
 * @throws PoolError DATABASE_UNAVAILABLE, DATABASE_REFUSED
 */
export async function connect(
  url: string,
  name: string,
  { timeoutMs = writerTimeoutMs } = {},
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
  });
  client.on("error", () => {}); // the statement under way says it, or the next one
  try {
    await client.connect();
    // A share's position must not be on the disk before its row: never by a setting of the role or the database.
    await client.query(
      "SET synchronous_commit = on; SET TimeZone = 'UTC'; SET client_min_messages = warning",
    );
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw inWords(error, url);
  }
}

interface ServerFacts {
  readonly version: number;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly encoding: string;
  readonly standby: boolean;
}

/** @throws PoolError DATABASE_TOO_OLD, DATABASE_UNSAFE, DATABASE_READ_ONLY, DATABASE_ENCODING */
export async function checkServer(client: pg.Client, log: Logger): Promise<void> {
  const { rows } = await client.query<ServerFacts>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
            current_setting('full_page_writes') AS full_page_writes,
            current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby`,
  );
  const facts = rows[0]!;
  if (facts.version < 150_000) {
    throw new PoolError(
      "DATABASE_TOO_OLD",
      `The database server is Postgres ${Math.floor(facts.version / 10_000)}.`,
      "Use Postgres 15 or newer.",
    );
  }
  if (facts.standby) {
    throw new PoolError(
      "DATABASE_READ_ONLY",
      "The database server is a standby and takes no writes.",
      "Point database.url at the primary server.",
    );
  }
  if (facts.fsync !== "on") {
    throw new PoolError(
      "DATABASE_UNSAFE",
      "The database server runs with fsync = off: a power cut would destroy the books.",
      "Set fsync = on in postgresql.conf.",
    );
  }
  if (facts.encoding !== "UTF8") {
    throw new PoolError(
      "DATABASE_ENCODING",
      `The database's encoding is ${facts.encoding}.`,
      "Create it with ENCODING 'UTF8'.",
    );
  }
  if (facts.full_page_writes !== "on") {
    log.warn(
      { event: "database-full-page-writes-off" },
      "full_page_writes is off: safe only on a file system that never tears a page, such as ZFS",
    );
  }
}

/** Serialization failure and deadlock: the same transaction may simply be tried again. */
export function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes((error as { code?: string }).code ?? "");
}

const connectionCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** The server is gone, restarting or full: what was asked may or may not have been done. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof PoolError) return error.code === "DATABASE_UNAVAILABLE";
  const { code = "", message = "" } = error as { code?: string; message?: string };
  // 08: connection exceptions. 57P: shutdown, crash, starting up. 53: out of connections, memory or disk space.
  if (connectionCodes.has(code) || /^(08|57P|53)/.test(code)) return true;
  return /Connection terminated|connection error|not queryable|timeout|Client was closed/i.test(message);
}

/** An error of connecting, without the password that stands in the URL. */
export function inWords(error: unknown, url: string): PoolError {
  if (error instanceof PoolError) return error;
  const where = placeOf(url);
  const message = (error as Error).message;
  if (isUnavailable(error)) {
    return new PoolError(
      "DATABASE_UNAVAILABLE",
      `The database at ${where} cannot be reached (${message}).`,
      "Start it, or check database.url; mining goes on and the journal grows until it is back.",
      { cause: error },
    );
  }
  return new PoolError(
    "DATABASE_REFUSED",
    `The database at ${where} refuses us: ${message}.`,
    "Check user, password and database name in database.url.",
    { cause: error },
  );
}

function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return "database.url";
  }
}
