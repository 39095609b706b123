/** The control socket: a real server on a real file, asked by the command line's own modules. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { runBans } from "../../src/cli/bans.ts";
import { runDrain } from "../../src/cli/drain.ts";
import { runMessage } from "../../src/cli/message.ts";
import { askPool, type ControlHandlers, type ControlServer, openControl } from "../../src/control/index.ts";
import { Bans } from "../../src/stratum/bans.ts";
import { aClock } from "../support/clock.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const clock = aClock();

interface TestPool {
  readonly folder: string;
  readonly config: string;
  /** What was asked besides bans. */
  readonly asked: unknown[];
  readonly handlers: ControlHandlers;
}

/** A folder, a configuration in it, and what a pool would do. */
async function aPool(): Promise<TestPool> {
  const { path: folder, remove } = await temporaryFolder("control");
  cleanups.push(remove);
  const config = join(folder, "penstock.yaml");
  await writeFile(
    config,
    [
      "chain: regtest",
      "nodes: [{ rpc: 'http://127.0.0.1:1', user: u, password: p }]",
      "pool: { address: bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 }",
      "dataDirectory: .",
    ].join("\n"),
  );
  const bans = new Bans();
  const asked: unknown[] = [];
  const handlers: ControlHandlers = {
    "bans-list": () => ({ bans: bans.list(clock.wallMs()) }),
    "bans-add": ({ network, forSeconds }) => ({
      ban: bans.command(network, forSeconds * 1000, clock.wallMs()),
    }),
    "bans-lift": ({ network }) => {
      const { lifted, stillBannedBy } = bans.lift(network ?? undefined, clock.wallMs());
      return { lifted, stillBannedBy: stillBannedBy ?? null };
    },
    message: (request) => {
      asked.push(request);
      return { connections: 1 };
    },
    drain: async (request) => {
      asked.push(request);
      return { connections: 2000 };
    },
  };
  return { folder, config, asked, handlers };
}

async function open(
  pool: TestPool,
  changes: Partial<Parameters<typeof openControl>[0]> = {},
): Promise<ControlServer> {
  const server = await openControl({
    dataDirectory: pool.folder,
    handlers: pool.handlers,
    log: silentLog,
    ...changes,
  });
  cleanups.push(() => server.close());
  return server;
}

async function aRunningPool(): Promise<TestPool> {
  const pool = await aPool();
  await open(pool);
  return pool;
}

type Verb = typeof runBans;

async function run(
  verb: Verb,
  pool: TestPool,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const into = (name: keyof typeof written) => ({
    write(text: string) {
      written[name] += text;
    },
  });
  const io = { stdout: into("out"), stderr: into("err") };
  const code = await verb([...args, "--config", pool.config], io, clock);
  return { code, ...written };
}

test("bans are added, listed and lifted by command", async () => {
  const pool = await aRunningPool();
  expect(await run(runBans, pool, "list")).toEqual({ code: 0, out: "nobody is banned\n", err: "" });
  expect((await run(runBans, pool, "add", "192.0.2.7")).out).toBe(
    "192.0.2.7 is banned until 2023-11-14T23:13:20.000Z\n",
  );
  await run(runBans, pool, "add", "2001:db8:1:2:3::4", "--for", "90s");
  expect((await run(runBans, pool, "list")).out).toBe(
    [
      `${"2001:db8:1:2::/64".padEnd(43)}    1m 30s  command\n`,
      `${"192.0.2.7".padEnd(43)}        1h  command\n`,
    ].join(""),
  );
  expect(
    (await run(runBans, pool, "list", "--json")).out
      .split("\n")
      .slice(0, 1)
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { network: "2001:db8:1:2::/64", until: "2023-11-14T22:14:50.000Z", cause: "command", round: 0 },
  ]);
  expect(await run(runBans, pool, "lift", "192.0.2.7")).toMatchObject({ code: 0, out: "1 ban lifted\n" });
  expect(await run(runBans, pool, "lift", "192.0.2.7")).toMatchObject({ code: 1, out: "0 bans lifted\n" });
  expect(await run(runBans, pool, "lift", "--all")).toMatchObject({ code: 0, out: "1 ban lifted\n" });
  expect((await run(runBans, pool, "list", "--json")).out).toBe("");
});

test("lifting an address says which wider ban still covers it", async () => {
  const pool = await aRunningPool();
  await run(runBans, pool, "add", "192.0.2.0/24");
  expect(await run(runBans, pool, "lift", "192.0.2.7")).toMatchObject({
    code: 1,
    out: "0 bans lifted\n192.0.2.7 is still banned by 192.0.2.0/24\n",
  });
});

test("what the pool refuses is the command's error, with what to do", async () => {
  const pool = await aRunningPool();
  await expect(run(runBans, pool, "add", "nobody")).rejects.toMatchObject({
    code: "BAN_NETWORK_INVALID",
    hint: expect.stringContaining("192.0.2.0/24"),
  });
  await expect(run(runBans, pool, "add", "0.0.0.0/0")).rejects.toMatchObject({
    code: "BAN_NETWORK_TOO_WIDE",
  });
  await expect(run(runBans, pool, "add", "1.2.3.4", "--for", "1000d")).rejects.toMatchObject({
    code: "BAN_TOO_LONG",
  });
});

test("a message and a drain reach the pool as they were meant", async () => {
  const pool = await aRunningPool();
  expect(await run(runMessage, pool, "new firmware: see the page")).toEqual({
    code: 0,
    out: "sent to 1 connection\n",
    err: "",
  });
  expect((await run(runDrain, pool)).out).toBe("2000 connections will be asked to reconnect within 5m\n");
  await run(runDrain, pool, "--to", "[2001:db8::1]:3333", "--over", "90s");
  expect(pool.asked).toEqual([
    { text: "new firmware: see the page" },
    { to: null, overSeconds: 300 },
    { to: { host: "2001:db8::1", port: 3333 }, overSeconds: 90 },
  ]);
});

test.each<[Verb, readonly string[]]>([
  [runBans, []],
  [runBans, ["show"]],
  [runBans, ["list", "1.2.3.4"]],
  [runBans, ["list", "--all"]],
  [runBans, ["list", "--for", "1h"]],
  [runBans, ["add"]],
  [runBans, ["add", "1.2.3.4", "5.6.7.8"]],
  [runBans, ["add", "1.2.3.4", "--for", "1"]],
  [runBans, ["add", "1.2.3.4", "--for", "0s"]],
  [runBans, ["add", "1.2.3.4", "--json"]],
  [runBans, ["lift"]],
  [runBans, ["lift", "1.2.3.4", "--all"]],
  [runBans, ["lift", "--all", "--for", "1h"]],
  [runBans, ["list", "--nonsense"]],
  [runMessage, []],
  [runMessage, [" "]],
  [runMessage, ["one", "two"]],
  [runMessage, ["two\nlines"]],
  [runMessage, ["x".repeat(257)]],
  [runDrain, ["now"]],
  [runDrain, ["--to", "host"]],
  [runDrain, ["--to", "host:0"]],
  [runDrain, ["--to", "a b:1"]],
  [runDrain, ["--over", "soon"]],
  [runDrain, ["--over", "2d"]],
])("%o with %j is not understood: usage, exit code 2, and nothing is asked", async (verb, args) => {
  const pool = await aPool();
  const { code, out, err } = await run(verb, pool, ...args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(/^penstock (bans|message|drain) /);
});

test.each([runBans, runMessage, runDrain])(
  "%o --help prints the usage, also without a pool",
  async (verb) => {
    const { code, out, err } = await run(verb, await aPool(), "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^penstock (bans|message|drain) /);
  },
);

test("without a running pool a command says so, and how to start it", async () => {
  const pool = await aPool();
  const missing = { code: "CONTROL_POOL_NOT_RUNNING", hint: expect.stringContaining("penstock serve") };
  await expect(run(runBans, pool, "list")).rejects.toMatchObject(missing);
  await expect(run(runMessage, pool, "hello")).rejects.toMatchObject(missing);
  await expect(run(runDrain, pool)).rejects.toMatchObject(missing);
  const server = await open(pool);
  await server.close();
  expect(await readdir(pool.folder)).toEqual(["penstock.yaml"]);
  await expect(run(runBans, pool, "list")).rejects.toMatchObject(missing);
});

/** A process that was killed while it listened on the pool's control socket. */
async function leaveStale(folder: string): Promise<void> {
  const program = "require('net').createServer().listen('control.sock', () => console.log('listening'))";
  const child = spawn(process.execPath, ["-e", program], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
}

test("what a killed pool left behind counts as not running, and the next pool takes its place", async () => {
  const pool = await aPool();
  await leaveStale(pool.folder);
  expect((await lstat(join(pool.folder, "control.sock"))).isSocket()).toBe(true);
  await expect(run(runBans, pool, "list")).rejects.toMatchObject({ code: "CONTROL_POOL_NOT_RUNNING" });
  await open(pool);
  expect((await run(runBans, pool, "list")).code).toBe(0);
});

test("the socket of a pool that answers is never taken from it", async () => {
  const pool = await aRunningPool();
  await expect(open(pool)).rejects.toMatchObject({ code: "CONTROL_IN_USE" });
  expect((await run(runBans, pool, "list")).code).toBe(0);
});

test("only the owner may open the socket, whatever the mask of new files is", async () => {
  const before = process.umask(0);
  try {
    const pool = await aPool();
    const { path } = await open(pool);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(0);
  } finally {
    process.umask(before);
  }
});

test("something else in the socket's place is left alone and named", async () => {
  const pool = await aPool();
  await mkdir(join(pool.folder, "control.sock"));
  await expect(open(pool)).rejects.toMatchObject({
    code: "CONTROL_SOCKET_UNUSABLE",
    message: expect.stringContaining("something else is in its place"),
  });
});

test("a folder that cannot be used is named", async () => {
  const pool = await aPool();
  await expect(open(pool, { dataDirectory: join(pool.folder, "missing") })).rejects.toMatchObject({
    code: "CONTROL_SOCKET_UNUSABLE",
  });
  // Also root is stopped by a file in the folder's place.
  await expect(open(pool, { dataDirectory: pool.config })).rejects.toMatchObject({
    code: "CONTROL_SOCKET_UNUSABLE",
  });
});

test.skipIf(process.getuid?.() === 0)(
  "a command that may not open the socket says which user may",
  async () => {
    const pool = await aPool();
    const { path } = await open(pool);
    await chmod(path, 0);
    await expect(run(runBans, pool, "list")).rejects.toMatchObject({ code: "CONTROL_FORBIDDEN" });
  },
);

test.runIf(process.getuid?.() === 0)("the system keeps every other user from the socket", async () => {
  const pool = await aPool();
  await chmod(pool.folder, 0o755);
  const { path } = await open(pool);
  const program = `require("net").connect(${JSON.stringify(path)})
    .on("connect", () => { console.log("connected"); process.exit(); })
    .on("error", ({ code }) => console.log(code));`;
  const outcomeFor = async (uid: number): Promise<string> => {
    const child = spawn(process.execPath, ["-e", program], {
      cwd: "/",
      uid,
      stdio: ["ignore", "pipe", "inherit"],
    });
    return (await text(child.stdout)).trim();
  };
  expect(await outcomeFor(0)).toBe("connected");
  expect(await outcomeFor(65_534)).toBe("EACCES");
});

test("a path that the system would cut short is refused at both ends, up to the last byte", async () => {
  const pool = await aPool();
  const room = 107 - Buffer.byteLength(join(pool.folder, "x", "control.sock")) + 1;
  const fitting = join(pool.folder, "d".repeat(room));
  await mkdir(fitting);
  await open(pool, { dataDirectory: fitting });
  expect(await askPool({ dataDirectory: fitting }, "bans-list", {})).toEqual({ bans: [] });
  const tooLong = { code: "CONTROL_PATH_TOO_LONG", hint: expect.stringContaining("dataDirectory") };
  await expect(open(pool, { dataDirectory: `${fitting}d` })).rejects.toMatchObject(tooLong);
  await expect(askPool({ dataDirectory: `${fitting}d` }, "bans-list", {})).rejects.toMatchObject(tooLong);
});

/** Sends bytes as they are. @returns all that comes back until the connection ends */
async function exchange(path: string, bytes: string, end = false): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  if (end) socket.end(bytes);
  else socket.write(bytes);
  const answer = await text(socket).catch(() => "");
  socket.destroy();
  return answer;
}

test("one request is answered on a connection, also to a client that has closed its side", async () => {
  const pool = await aPool();
  const { path } = await open(pool);
  const request = '{"version":1,"command":"bans-list","request":{}}\n';
  const answer = '{"version":1,"ok":true,"answer":{"bans":[]}}\n';
  expect(await exchange(path, request)).toBe(answer);
  expect(await exchange(path, request, true)).toBe(answer);
  expect(await exchange(path, request + request)).toBe(answer);
});

test("garbage is answered with what is wrong; an endless or cut line ends the connection", async () => {
  const pool = await aPool();
  const { path } = await open(pool);
  expect(JSON.parse(await exchange(path, "GET / HTTP/1.1\r\n"))).toMatchObject({
    ok: false,
    code: "CONTROL_REQUEST_MALFORMED",
  });
  expect(await exchange(path, "x".repeat(20_000))).toBe("");
  expect(await exchange(path, '{"version":1', true)).toBe("");
  expect((await run(runBans, pool, "list")).code).toBe(0);
});

test("a client that says nothing is let go after a time, and as many as like cannot keep others out for longer", async () => {
  const pool = await aPool();
  const { path } = await open(pool, { deadlineMs: 200 });
  const silent = await Promise.all(Array.from({ length: 40 }, () => exchange(path, "")));
  expect(new Set(silent)).toEqual(new Set([""]));
  expect((await run(runBans, pool, "list")).code).toBe(0);
});

test("a bug in a handler is the answer of that command, is logged, and the next one is served", async () => {
  const pool = await aPool();
  const logged: unknown[] = [];
  const handlers = {
    ...pool.handlers,
    message: () => {
      throw new TypeError("not a function");
    },
  };
  const log = { ...silentLog, error: (fields: object) => void logged.push(fields) };
  await open(pool, { handlers, log });
  await expect(run(runMessage, pool, "hello")).rejects.toMatchObject({
    code: "CONTROL_FAILED",
    message: expect.stringContaining("not a function"),
  });
  expect(logged).toMatchObject([{ event: "control-failed" }]);
  expect((await run(runBans, pool, "list")).code).toBe(0);
});

test("a pool that does not answer in time is waited for no longer, and the command says what it does not know", async () => {
  const pool = await aPool();
  const server = createServer(() => {}).listen(join(pool.folder, "control.sock"));
  await once(server, "listening");
  cleanups.push(async () => void server.close());
  await expect(
    askPool({ dataDirectory: pool.folder, timeoutMs: 50 }, "message", { text: "hello" }),
  ).rejects.toMatchObject({ code: "CONTROL_NO_ANSWER" });
});

test("a pool that stops ends what is being asked, and its socket is gone", async () => {
  const pool = await aPool();
  let isAsked = () => {};
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const handlers = {
    ...pool.handlers,
    message: () => {
      isAsked();
      return new Promise<never>(() => {});
    },
  };
  const server = await open(pool, { handlers });
  const command = run(runMessage, pool, "hello");
  const ended = expect(command).rejects.toMatchObject({ code: "CONTROL_NO_ANSWER" });
  await asked;
  await server.close();
  await ended;
  expect(await readdir(pool.folder)).toEqual(["penstock.yaml"]);
});

test("a list of thousands of bans comes over whole", async () => {
  const pool = await aPool();
  const bans = Array.from({ length: 60_000 }, (_, number) => ({
    network: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`,
    untilMs: number,
    cause: "subscribe-timeout",
    round: 1,
  }));
  await open(pool, { handlers: { ...pool.handlers, "bans-list": () => ({ bans }) } });
  expect((await askPool({ dataDirectory: pool.folder }, "bans-list", {})).bans).toEqual(bans);
});
