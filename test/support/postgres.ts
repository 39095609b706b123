import { join } from "node:path";
import pg from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/ledger/postgres/embedded.ts";
import { atExit } from "./at-exit.ts";
import { silentLog } from "./silent-log.ts";
import { temporaryFolder } from "./temporary.ts";

export interface TestPostgres {
  /** Of the maintenance database. */
  readonly url: string;
  readonly server: EmbeddedPostgres;
  /** A new, empty database, or a copy of one that nobody is connected to. @returns its URL. */
  createDatabase(template?: string): Promise<string>;
  stop(): Promise<void>;
}

let databases = 0;

/** A real Postgres of the tests' own, from the same binaries and by the same code as the pool's embedded one. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = await temporaryFolder("postgres");
  const server = await startEmbeddedPostgres({ directory: join(folder.path, "postgres"), log: silentLog });
  const spare = atExit(() => process.kill(server.pid, "SIGQUIT"));
  return {
    url: server.url,
    server,
    createDatabase: async (template) => {
      databases += 1;
      const name = `test_${process.pid}_${databases}`;
      await execute(
        server.url,
        `CREATE DATABASE ${name} TEMPLATE ${template ? nameOf(template) : "template0"}`,
      );
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    stop: async () => {
      spare();
      await server.stop();
      await folder.remove();
    },
  };
}

/** The rows of one statement over a connection of its own. */
export async function execute<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {}); // said again by the query itself
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
