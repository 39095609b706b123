/**
 * `database.url: embedded`: a real Postgres that the pool runs itself.
 *
 *   <data>/postgres/      the cluster; owned by the user that Postgres runs as
 *   <data>/postgres.run/  password (0600), lib/ (links for the loader)
 *
 * It listens on 127.0.0.1 with a generated password, in a session of its own so that Ctrl-C at the terminal reaches
 * the pool alone, which then stops things in order. One that a killed pool left behind is adopted, or restarted when
 * it does not answer. One that dies while the pool runs is started again at the same port.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { PoolError } from "../../errors.ts";
import type { Logger } from "../../log/index.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { freePort } from "./free-port.ts";
import { listen } from "./last-words.ts";
import { isAlive, readPostmaster, waitUntilGone } from "./postmaster.ts";
import { chooseServant, type Servant } from "./unprivileged.ts";

const user = "penstock";
/** Of silence; a server that says it is starting (a long recovery) is waited for. */
const defaultSilenceMs = 60_000;
const questionMs = 5_000;
const emptyLockMs = 5_000;
const stopTimeoutMs = 30_000;
const pollMs = 20;

export interface EmbeddedOptions {
  /** The cluster's folder, made at first start. */
  readonly directory: string;
  readonly log: Logger;
  /** How long a server may give no answer at all before it is given up. */
  readonly silenceMs?: number;
}

export interface EmbeddedPostgres {
  /** With the password in it: never to be logged. Stays the same for the life of this object. */
  readonly url: string;
  /** Whether it ran already. */
  readonly adopted: boolean;
  readonly pid: number;
  /**
   * Ends it in order: sessions are cut, what is committed stays.
   * @param options.ifUnused leave it running if anyone else is connected: for visitors such as the command line.
   */
  stop(options?: { ifUnused?: boolean }): Promise<void>;
}

/** @throws PoolError POSTGRES_… with what to do. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { directory, log, silenceMs = defaultSilenceMs } = options;
  const place = { ...(await prepare(resolve(directory))), silenceMs };
  let server = await ensureRunning(place, log, undefined);
  const { adopted, port } = server;
  let stopping = false;

  void watch();
  async function watch(): Promise<void> {
    for (let delayMs = 100; ; delayMs = Math.min(delayMs * 2, 5_000)) {
      await server.gone;
      if (stopping) return;
      log.error(
        { event: "postgres-died", pid: server.pid },
        "the embedded Postgres ended; starting it again",
      );
      try {
        server = await ensureRunning(place, log, port);
        log.info({ event: "postgres-restarted", pid: server.pid }, "the embedded Postgres runs again");
        delayMs = 100;
      } catch (error) {
        log.error({ event: "postgres-restart-failed", error: (error as Error).message }, "will try again");
        await pause(delayMs, undefined, { ref: false });
      }
    }
  }

  async function stop({ ifUnused = false } = {}): Promise<void> {
    stopping = true;
    if (ifUnused && (await hasOtherSessions(place, port))) return;
    await shutDown(server.pid, log);
  }

  return {
    url: urlOf(place, port),
    adopted,
    get pid() {
      return server.pid;
    },
    stop,
  };
}

/**
 * The URL of an embedded Postgres that runs in this folder now; undefined if none does.
 */
export async function findEmbeddedPostgres(directory: string): Promise<string | undefined> {
  const cluster = resolve(directory);
  const password = await readFile(join(`${cluster}.run`, "password"), "utf8").catch(() => undefined);
  const postmaster = await readPostmaster(cluster);
  if (password === undefined || postmaster?.port === undefined || !isAlive(postmaster.pid, cluster))
    return undefined;
  return `postgres://${user}:${password.trim()}@127.0.0.1:${postmaster.port}/postgres`;
}

interface Place {
  readonly cluster: string;
  readonly runFolder: string;
  readonly password: string;
  readonly binaries: Binaries;
  readonly servant: Servant;
}

/** A place whose servers are watched. */
interface Watched extends Place {
  readonly silenceMs: number;
}

interface Server {
  readonly pid: number;
  readonly port: number;
  readonly adopted: boolean;
  readonly gone: Promise<void>;
}

function urlOf({ password }: Place, port: number): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
}

async function prepare(cluster: string): Promise<Place> {
  try {
    const runFolder = `${cluster}.run`;
    await mkdir(runFolder, { recursive: true });
    const binaries = await findBinaries(join(runFolder, "lib"));
    const password = await passwordIn(runFolder);
    const exists = (await stat(join(cluster, "PG_VERSION")).catch(() => undefined)) !== undefined;
    const servant = await chooseServant(cluster, [binaries.initdb, runFolder, ...(exists ? [cluster] : [])]);
    const place = { cluster, runFolder, password, binaries, servant };
    if (exists) await checkVersion(place);
    else await initialise(place);
    return place;
  } catch (error) {
    throw inWords(error, cluster);
  }
}

async function passwordIn(runFolder: string): Promise<string> {
  const file = join(runFolder, "password");
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known !== undefined) return known.trim();
  const password = randomBytes(24).toString("hex");
  await writeFile(file, `${password}\n`, { mode: 0o600, flush: true });
  return password;
}

async function checkVersion({ cluster, binaries }: Place): Promise<void> {
  const version = Number.parseInt(await readFile(join(cluster, "PG_VERSION"), "utf8"), 10);
  if (version === binaries.majorVersion) return;
  throw new PoolError(
    "POSTGRES_VERSION_CHANGED",
    `${cluster} was made by Postgres ${version}, and this is Postgres ${binaries.majorVersion}.`,
    "Move the folder away and let the pool rebuild its books from the journals, or dump and restore it.",
  );
}

/** Made beside its place and renamed, so that a start which is cut off leaves nothing half made. */
async function initialise({ cluster, runFolder, password, binaries, servant }: Place): Promise<void> {
  const making = `${cluster}.new`;
  const passwordFile = join(runFolder, "initdb-password");
  await rm(making, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  await mkdir(making, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (servant.user) {
    for (const path of [making, passwordFile]) await chown(path, servant.user.uid, servant.user.gid);
  }
  const args = ["-D", making, "-U", user, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  args.push("--data-checksums", "--locale=C", "--encoding=UTF8");
  const printed = await listen(cluster, runFolder);
  const code = await exitOf(launch(servant, binaries.initdb, args, binaries.env, printed.file, false));
  await rm(passwordFile, { force: true });
  const text = await printed.text();
  if (code !== 0) throw new Error(text);
  await rename(making, cluster);
}

/** Adopts the server that runs, or starts one; whoever is faster when two try, both end up with the same server. */
async function ensureRunning(place: Watched, log: Logger, wantedPort: number | undefined): Promise<Server> {
  const deadline = performance.now() + place.silenceMs;
  for (;;) {
    const adopted = await adopt(place, log);
    if (adopted) return adopted;
    const port = wantedPort ?? (await freePort());
    const trouble = await start(place, port);
    if (typeof trouble !== "string") return trouble;
    if (/lock file .* is empty/.test(trouble)) await removeOldLock(place);
    const temporary = /already exists|is empty|still in use|could not bind|Address already in use/.test(
      trouble,
    );
    if (!temporary || performance.now() > deadline) throw inWords(new Error(trouble), place.cluster);
    await pause(10 * pollMs);
  }
}

/** An empty one is another server's that is being made just now, or what a power cut left of one. */
async function removeOldLock({ cluster }: Place): Promise<void> {
  const file = join(cluster, "postmaster.pid");
  const found = await stat(file).catch(() => undefined);
  if (found?.size === 0 && Date.now() - found.mtimeMs > emptyLockMs) await rm(file, { force: true });
}

async function adopt(place: Watched, log: Logger): Promise<Server | undefined> {
  const patience = patienceOf(place);
  for (;;) {
    const postmaster = await readPostmaster(place.cluster);
    if (postmaster === undefined) return undefined;
    const { pid, port } = postmaster;
    if (!isAlive(pid, place.cluster)) {
      // Another process bears the number by now, and Postgres itself would not dare to start beside it.
      if (isAlive(pid) && (await readPostmaster(place.cluster))?.pid === pid) {
        await rm(join(place.cluster, "postmaster.pid"), { force: true });
      }
      return undefined;
    }
    const health = port === undefined ? "silent" : await healthOf(place, port);
    if (port !== undefined && health === "ready") {
      return { pid, port, adopted: true, gone: waitUntilGone(pid, place.cluster) };
    }
    if (patience.isOver(health)) {
      log.warn(
        { event: "postgres-unresponsive", pid },
        "the Postgres left behind does not answer; restarting it",
      );
      await shutDown(pid, log);
      return undefined;
    }
    await pause(pollMs);
  }
}

const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  max_connections: "60",
  shared_buffers: "128MB",
  max_wal_size: "2GB",
  huge_pages: "off",
  jit: "off",
  // Containers often have a /dev/shm too small for parallel queries.
  max_parallel_workers_per_gather: "0",
  timezone: "UTC",
  log_timezone: "UTC",
  log_min_messages: "warning",
  // Seven files that take turns, one for each day of the week.
  logging_collector: "on",
  log_filename: "postgres-%a.log",
  log_truncate_on_rotation: "on",
  log_rotation_age: "1d",
  log_rotation_size: "0",
};

/** @returns what it printed if it ended before it was ready. */
async function start(place: Watched, port: number): Promise<Server | string> {
  const { cluster, runFolder, binaries, servant } = place;
  const args = ["-D", cluster, "-p", `${port}`];
  for (const [name, value] of Object.entries(settings)) args.push("-c", `${name}=${value}`);
  const printed = await listen(cluster, runFolder);
  const child = launch(servant, binaries.postgres, args, binaries.env, printed.file, true);
  let ended = false;
  const exit = exitOf(child).then(() => {
    ended = true;
  });
  const patience = patienceOf(place);
  while (!ended) {
    const health = await healthOf(place, port);
    if (health === "ready") {
      await printed.forget();
      return { pid: child.pid!, port, adopted: false, gone: exit };
    }
    if (patience.isOver(health)) {
      child.kill("SIGQUIT");
      await exit;
      return `it did not answer within ${place.silenceMs / 1000} s\n${await printed.text()}`;
    }
    await Promise.race([pause(pollMs), exit]);
  }
  return await printed.text();
}

function launch(
  { prefix }: Servant,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile: string,
  detached: boolean,
): ChildProcess {
  const [command, ...rest] = [...prefix, file, ...args];
  const output = openSync(logFile, "w", 0o644);
  const child = spawn(command!, rest, { cwd: "/", env, detached, stdio: ["ignore", output, output] });
  closeSync(output);
  if (detached) child.unref();
  return child;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((settle, reject) => {
    child.once("error", reject);
    child.once("exit", settle);
  });
}

type Health = "ready" | "starting" | "silent";

/** Over when nothing but silence was heard for the time that a server has. */
function patienceOf({ silenceMs }: Watched): { isOver(health: Health): boolean } {
  let deadline = performance.now() + silenceMs;
  return {
    isOver: (health) => {
      if (health !== "silent") deadline = performance.now() + silenceMs;
      return performance.now() > deadline;
    },
  };
}

/** Ready only if it is the server of our folder. */
async function healthOf(place: Place, port: number): Promise<Health> {
  try {
    const { rows } = await query<{ data_directory: string }>(place, port, "SHOW data_directory");
    return rows[0]?.data_directory === place.cluster ? "ready" : "silent";
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "57P03") return "starting"; // cannot_connect_now: starting up, recovering, shutting down
    if (code !== "28P01") return "silent";
    throw new PoolError(
      "POSTGRES_PASSWORD_LOST",
      `The Postgres in ${place.cluster} does not accept the password in ${join(place.runFolder, "password")}.`,
      "Bring back the file from a backup, or move both folders away and let the pool rebuild its books from the journals.",
      { cause: error },
    );
  }
}

async function hasOtherSessions(place: Place, port: number): Promise<boolean> {
  const text =
    "SELECT count(*)::int AS others FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
  const { rows } = await query<{ others: number }>(place, port, text);
  return rows[0]!.others > 0;
}

async function query<Row extends pg.QueryResultRow>(place: Place, port: number, text: string) {
  const client = new pg.Client({
    connectionString: urlOf(place, port),
    connectionTimeoutMillis: questionMs,
    query_timeout: questionMs,
  });
  client.on("error", () => {}); // said again by the query itself
  try {
    await client.connect();
    return await client.query<Row>(text);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Fast shutdown, and the immediate one if that takes too long: it costs a recovery at the next start, no data. */
async function shutDown(pid: number, log: Logger): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // gone already
    }
    if (await goneWithin(pid, stopTimeoutMs)) return;
    log.warn({ event: "postgres-slow-stop", pid, signal }, "the embedded Postgres takes long to stop");
  }
}

async function goneWithin(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await pause(pollMs);
  }
  return true;
}

/** Trouble of the surroundings as a PoolError that says what to do. */
function inWords(error: unknown, cluster: string): PoolError {
  if (error instanceof PoolError) return error;
  const text = (error as Error).message.trim();
  const has = (pattern: RegExp) => pattern.test(text);
  const make = (code: string, what: string, hint: string) =>
    new PoolError(code, what, hint, { cause: error });
  if (has(/No space left|ENOSPC/)) {
    return make(
      "POSTGRES_NO_SPACE",
      `No space is left for the embedded Postgres in ${cluster}.`,
      "Free some space, or move dataDirectory to a larger disk.",
    );
  }
  if (has(/Permission denied|EACCES|EPERM|EROFS|ENOTDIR|EEXIST|Read-only file system/)) {
    return make(
      "POSTGRES_FOLDER_DENIED",
      `The embedded Postgres may not use ${cluster}: ${text.split("\n").at(-1)}`,
      "Give the pool's user the folder, or set dataDirectory to one that it may write.",
    );
  }
  if (has(/could not bind|Address already in use/)) {
    return make(
      "POSTGRES_PORT_TAKEN",
      `The port of the embedded Postgres in ${cluster} is taken by another program.`,
      "Stop that program or restart the pool, which then takes another port.",
    );
  }
  return make(
    "POSTGRES_START_FAILED",
    `The embedded Postgres in ${cluster} does not start:\n${text}\n`,
    "See what it says; its log is in the folder log/ there.",
  );
}
