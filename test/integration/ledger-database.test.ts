import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { checkServer, connect } from "../../src/ledger/database.ts";
import { migrate, shippedMigrations } from "../../src/ledger/migrations.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { silentLog } from "../support/silent-log.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

async function aClient(): Promise<pg.Client> {
  const client = await connect(await postgres.createDatabase(), "test");
  onTestFinished(() => client.end());
  return client;
}

async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

const one = { name: "0001-one.sql", text: "CREATE TABLE one ();" };
const two = { name: "0002-two.sql", text: "CREATE TABLE two (); SELECT 1 / 0;" };

test("migrations are applied once, also when two pools start at the same time", async () => {
  const url = await postgres.createDatabase();
  const clients = await Promise.all([1, 2, 3].map(() => connect(url, "test")));
  await Promise.all(clients.map((client) => migrate(client, silentLog)));
  await migrate(clients[0]!, silentLog);
  const { rows } = await clients[0]!.query("SELECT name FROM migrations ORDER BY name");
  expect(rows).toEqual(shippedMigrations().map(({ name }) => ({ name })));
  await Promise.all(clients.map((client) => client.end()));
});

test("a migration that fails leaves nothing behind and is tried again", async () => {
  const client = await aClient();
  await expect(migrate(client, silentLog, [one, two])).rejects.toMatchObject({ code: "22012" });
  expect(await tablesOf(client)).toEqual(["migrations", "one"]);
  await migrate(client, silentLog, [one, { ...two, text: "CREATE TABLE two ();" }]);
  expect(await tablesOf(client)).toEqual(["migrations", "one", "two"]);
});

test("shares and blocks from before solo work are the pool's, and those days take new ones", async () => {
  const client = await aClient();
  await migrate(client, silentLog, shippedMigrations().slice(0, 1));
  await client.query(`
    CREATE TABLE shares_0 (LIKE shares INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
    ALTER TABLE shares ATTACH PARTITION shares_0 FOR VALUES FROM (to_timestamp(0)) TO (to_timestamp(86400));
    INSERT INTO shares VALUES ('h', 't', 1, 1, 1, to_timestamp(5), 1, 1, 1, false);
    INSERT INTO blocks VALUES (sha256('a'), 'p', 1, 1, 100, 5, 6, 7, 8, now(), 'a', 'w', '0-1', 1, 1);
  `);
  await migrate(client, silentLog);
  expect((await client.query("SELECT solo FROM shares")).rows).toEqual([{ solo: false }]);
  expect((await client.query("SELECT scheme, fee_millionths FROM blocks")).rows).toEqual([
    { scheme: "pplns", fee_millionths: 5 },
  ]);
  await client.query("INSERT INTO shares VALUES ('i', 't', 1, 2, 1, to_timestamp(6), 1, 1, 1, false, true)");
  await client.query(`
    INSERT INTO blocks
    VALUES (sha256('b'), 'p', 1, 1, 100, NULL, NULL, NULL, 8, now(), 'a', 'w', '0-1', 1, 2, 'candidate', 0, NULL, 0, 'solo')`);
  for (const wrong of [
    "UPDATE blocks SET scheme = 'solo' WHERE scheme = 'pplns'",
    "UPDATE blocks SET scheme = 'pplns' WHERE scheme = 'solo'",
    "UPDATE blocks SET window_work = 1 WHERE scheme = 'solo'",
    "UPDATE blocks SET scheme = 'prop'",
  ]) {
    await expect(client.query(wrong), wrong).rejects.toMatchObject({ code: "23514" });
  }
});

test("a migration that was changed, and one of a newer version, are refused by name", async () => {
  const client = await aClient();
  await migrate(client, silentLog, [one]);
  const changed = { ...one, text: "CREATE TABLE one (more int);" };
  await expect(migrate(client, silentLog, [changed])).rejects.toMatchObject({
    code: "MIGRATION_CHANGED",
    message: expect.stringContaining("0001-one.sql"),
  });
  await expect(migrate(client, silentLog, [])).rejects.toMatchObject({
    code: "MIGRATION_UNKNOWN",
    message: expect.stringContaining("0001-one.sql"),
  });
});

test("commits wait for the disk whatever the database's own setting", async () => {
  const url = await postgres.createDatabase();
  const name = new URL(url).pathname.slice(1);
  const client = await connect(url, "test");
  await client.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  await client.end();
  const again = await connect(url, "test");
  expect((await again.query("SHOW synchronous_commit")).rows).toEqual([{ synchronous_commit: "on" }]);
  await again.end();
});

test("a server that is fit is accepted", async () => {
  await expect(checkServer(await aClient(), silentLog)).resolves.toBeUndefined();
});

test("a server that is too old, a standby, without fsync or not in UTF8 is refused; torn pages are warned of", async () => {
  const sound = { version: 150_000, fsync: "on", full_page_writes: "on", encoding: "UTF8", standby: false };
  // What no server of the tests can be: only its answer is given here.
  const server = (facts: Partial<typeof sound>) => {
    const client = new pg.Client();
    client.query = (() =>
      Promise.resolve({ rows: [{ ...sound, ...facts }] })) as unknown as pg.Client["query"];
    return client;
  };
  const codeOf = async (facts: Partial<typeof sound>) =>
    checkServer(server(facts), silentLog).then(
      () => "fit",
      ({ code }) => code,
    );
  expect(await codeOf({})).toBe("fit");
  expect(await codeOf({ version: 140_012 })).toBe("DATABASE_TOO_OLD");
  expect(await codeOf({ standby: true })).toBe("DATABASE_READ_ONLY");
  expect(await codeOf({ fsync: "off" })).toBe("DATABASE_UNSAFE");
  expect(await codeOf({ encoding: "SQL_ASCII" })).toBe("DATABASE_ENCODING");
  const warned: string[] = [];
  const log = { ...silentLog, warn: ({ event }: { event: string }) => void warned.push(event) };
  await checkServer(server({ full_page_writes: "off" }), log);
  expect(warned).toEqual(["database-full-page-writes-off"]);
});

test("a database that cannot be reached or refuses us is named without its password", async () => {
  const away = connect("postgres://someone:secret@127.0.0.1:1/pool", "test");
  await expect(away).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await expect(away).rejects.not.toThrow(/secret/);
  const wrong = new URL(postgres.url);
  wrong.password = "wrong-secret";
  const refused = connect(wrong.href, "test");
  await expect(refused).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
  await expect(refused).rejects.not.toThrow(/wrong-secret/);
});
