import { execFile } from "node:child_process";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../src/ledger/postgres/embedded.ts";
import { until } from "../support/deadline.ts";
import { execute } from "../support/postgres.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

// Temporary folders have mode 0700: as root, each of these tests also shows that Postgres, which then runs as another
// user, reaches a folder that only root may enter.
async function aDirectory(): Promise<string> {
  const folder = await temporaryFolder("embedded");
  onTestFinished(folder.remove);
  expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
  return join(folder.path, "postgres");
}

async function start(directory: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory, log: silentLog });
  onTestFinished(() => server.stop());
  return server;
}

test("the first start makes a cluster that keeps what is committed, and the next one goes on with it", async () => {
  const directory = await aDirectory();
  const first = await start(directory);
  const [settings] = await execute(
    first.url,
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
            current_setting('data_checksums') AS checksums, current_setting('server_encoding') AS encoding,
            current_setting('listen_addresses') AS listen, current_setting('password_encryption') AS passwords`,
  );
  expect(settings).toEqual({
    fsync: "on",
    commit: "on",
    checksums: "on",
    encoding: "UTF8",
    listen: "127.0.0.1",
    passwords: "scram-sha-256",
  });
  expect((await stat(join(`${directory}.run`, "password"))).mode & 0o777).toBe(0o600);
  await execute(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
  await first.stop();
  expect(await findEmbeddedPostgres(directory)).toBeUndefined();
  const second = await start(directory);
  expect(second.adopted).toBe(false);
  expect(await execute(second.url, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
});

test("nobody gets in without the password", async () => {
  const { url } = await start(await aDirectory());
  const wrong = new URL(url);
  wrong.password = "guess";
  await expect(execute(wrong.href, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
});

test("it has a session of its own, which Ctrl-C at the pool's terminal does not reach", async () => {
  const { pid } = await start(await aDirectory());
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
  expect({ group: Number(fields[2]), session: Number(fields[3]) }).toEqual({ group: pid, session: pid });
});

test("one that a killed pool left behind is adopted", async () => {
  const directory = await aDirectory();
  const module = new URL("../../src/ledger/postgres/embedded.ts", import.meta.url);
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module.href)});
    const log = { info() {}, warn() {}, error() {} };
    const { pid } = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, log });
    console.log(pid);
    process.kill(process.pid, "SIGKILL");`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error) => error);
  const server = await start(directory);
  expect(server).toMatchObject({ adopted: true, pid: Number(stdout) });
  expect(await findEmbeddedPostgres(directory)).toBe(server.url);
});

test("one that is killed is started again at the same port", async () => {
  const server = await start(await aDirectory());
  await execute(server.url, "CREATE TABLE kept AS SELECT 1");
  const { pid } = server;
  process.kill(pid, "SIGKILL");
  await until(async () => server.pid !== pid && (await execute(server.url, "SELECT * FROM kept")), {
    timeoutMs: 30_000,
    what: "the server to be back",
  });
});

test("a file that names the process of somebody else is not believed", async () => {
  const directory = await aDirectory();
  await (await start(directory)).stop();
  await writeFile(join(directory, "postmaster.pid"), `${process.pid}\n${directory}\n1\n5432\n\n127.0.0.1\n`);
  expect((await start(directory)).adopted).toBe(false);
});

test("two that start it at the same time end up with the same server", async () => {
  const directory = await aDirectory();
  await (await start(directory)).stop();
  const [left, right] = await Promise.all([start(directory), start(directory)]);
  expect(left!.pid).toBe(right!.pid);
  expect(left!.url).toBe(right!.url);
});

test("a first start that was cut off is begun anew", async () => {
  const directory = await aDirectory();
  await mkdir(join(`${directory}.new`, "base"), { recursive: true });
  await start(directory);
  await expect(stat(`${directory}.new`)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a visitor leaves it running while somebody else is connected", async () => {
  const directory = await aDirectory();
  const server = await start(directory);
  const client = new (await import("pg")).default.Client({ connectionString: server.url });
  await client.connect();
  await (await start(directory)).stop({ ifUnused: true });
  expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  await client.end();
  await until(
    async () => {
      await (await start(directory)).stop({ ifUnused: true });
      return (await findEmbeddedPostgres(directory)) === undefined;
    },
    { timeoutMs: 10_000, what: "the last visitor to stop it" },
  );
});

test("trouble is named with what to do: another version, a lost password, a folder that is none", async () => {
  const directory = await aDirectory();
  const server = await start(directory);
  await rm(join(`${directory}.run`, "password"));
  await expect(startEmbeddedPostgres({ directory, log: silentLog })).rejects.toMatchObject({
    code: "POSTGRES_PASSWORD_LOST",
    hint: expect.stringContaining("Bring back the file"),
  });
  await server.stop();
  await writeFile(join(directory, "PG_VERSION"), "9\n");
  await expect(startEmbeddedPostgres({ directory, log: silentLog })).rejects.toMatchObject({
    code: "POSTGRES_VERSION_CHANGED",
  });
  const file = `${directory}.file`;
  await writeFile(file, "");
  const below = join(file, "postgres");
  await expect(startEmbeddedPostgres({ directory: below, log: silentLog })).rejects.toMatchObject({
    code: "POSTGRES_FOLDER_DENIED",
  });
});
