import { spawn } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { runMiner } from "../../../src/cli/miner.ts";
import type { JobData } from "../../../src/jobs/job.ts";
import { createLiveJobs } from "../../../src/jobs/live-jobs.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { authorityKeyOf, encodeAuthorityKey } from "../../../src/protocol/v2/noise/authority-key.ts";
import { createShares } from "../../../src/shares/accept-shares.ts";
import { until } from "../../support/deadline.ts";
import { aJob } from "../../support/jobs.ts";
import { anAddress, aStratum, hardBits, type StratumUnderTest } from "../../support/stratum.ts";
import { testAuthority } from "../../support/v2-parts.ts";

/** Some 20,000 hashes a share: many a second on any machine. */
const easy = 20_000 / 2 ** 32;
const user = `${anAddress}.cpu`;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface JudgingPool extends StratumUnderTest {
  readonly answers: string[];
  readonly workers: Set<string>;
  issue(changes: Partial<JobData>): void;
  readonly url: string;
  /** For Stratum V2. */
  readonly url2: string;
}

/** A Stratum port whose shares are judged by the real native code; "durable" is at once. */
async function aJudgingPool(): Promise<JudgingPool> {
  const addon = loadAddon();
  const answers: string[] = [];
  const workers = new Set<string>();
  const jobs = createLiveJobs({ addon, maxJobs: 16, onTipsDropped: () => {} });
  const shares = createShares({
    addon,
    seen: addon.createSeenWindow(1_000_000),
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    append: (record, done) => {
      if (record.kind === "share") workers.add(`${record.account}.${record.worker}`);
      setImmediate(done, true);
    },
    storeBlock: () => "stored",
    terms: { feeMillionths: 0, windowThousandths: 1 },
    ntimeAheadSeconds: 7000,
    counters: {
      received: () => {},
      accepted: () => {},
      answered: (_, result) => answers.push(result),
      windowFull: () => {},
    },
  });
  const pool = await aStratum({ jobs, shares, difficulty: { start: easy, min: 1e-9, vardiff: false } });
  closers.push(() => pool.stratum.close());
  let number = 0;
  return {
    ...pool,
    answers,
    workers,
    url: `stratum+tcp://127.0.0.1:${pool.stratum.addresses[0]!.port}`,
    url2: `stratum2+tcp://127.0.0.1:${pool.stratum.addresses[0]!.port}/${encodeAuthorityKey(testAuthority)}`,
    issue(changes) {
      const startTime = Math.floor(Date.now() / 1000);
      const merkleBranch = [new Uint8Array(32).fill(3)];
      const job = jobs.add(aJob({ number: ++number, bits: hardBits, startTime, merkleBranch, ...changes }));
      pool.stratum.broadcast(job);
    },
  };
}

interface Run {
  readonly out: string[];
  readonly err: string[];
  readonly stop: AbortController;
  readonly exitCode: Promise<number>;
}

function mine(...args: string[]): Run {
  const out: string[] = [];
  const err: string[] = [];
  const stop = new AbortController();
  const io = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  };
  return { out, err, stop, exitCode: runMiner(args, io, stop.signal) };
}

const patience = { timeoutMs: 30_000, intervalMs: 10 };

test.each<[string, (pool: JudgingPool) => readonly string[]]>([
  ["V1", ({ url }) => [url]],
  ["a standard channel of V2", ({ url2 }) => [url2, "--channel", "standard"]],
  ["an extended channel of V2", ({ url2 }) => [url2]],
])("a miner's shares over %s are all accepted by the judge, on several jobs and tips", async (_, url) => {
  const pool = await aJudgingPool();
  pool.issue({});
  const run = mine("--url", ...url(pool), "--user", user, "--threads", "2", "--json");
  await until(() => pool.answers.length >= 20, { ...patience, what: "20 shares" });
  pool.issue({ clean: false });
  await until(() => pool.answers.length >= 60, { ...patience, what: "60 shares" });
  pool.issue({ tipNumber: 2, previousHash: new Uint8Array(32).fill(2) });
  await until(() => pool.answers.length >= 120, { ...patience, what: "120 shares" });
  run.stop.abort();
  expect(await run.exitCode).toBe(0);
  expect(new Set(pool.answers)).toEqual(new Set(["accepted"]));
  expect(pool.workers).toEqual(new Set([user]));
  const summary = JSON.parse(run.out.at(-1)!);
  expect(summary).toMatchObject({ event: "summary", rejected: 0 });
  expect(summary.accepted).toBeGreaterThanOrEqual(120);
  expect(summary.hashes / summary.accepted).toBeGreaterThan(5_000);
});

test("a miner comes back by itself when the pool was away", async () => {
  const pool = await aJudgingPool();
  const { port } = pool.stratum.addresses[0]!;
  pool.issue({});
  const run = mine("--url", pool.url, "--user", user, "--threads", "1");
  await until(() => pool.answers.length >= 3, { ...patience, what: "the first shares" });
  await pool.stratum.close();
  await until(() => run.out.some((line) => /no connection to .*; trying again/.test(line)), {
    ...patience,
    what: "the word that the pool is away",
  });
  const second = await aStratum({ listen: [{ host: "127.0.0.1", port }], difficulty: { start: easy } });
  closers.push(() => second.stratum.close());
  second.shares.verdict = "accepted";
  second.broadcast(aJob({ number: 1, bits: hardBits }));
  await until(() => second.shares.submissions.length >= 3, { ...patience, what: "shares after the return" });
  run.stop.abort();
  expect(await run.exitCode).toBe(0);
});

test("a target that everything meets does not make a flood: shares wait for answers", async () => {
  const pool = await aStratum({ difficulty: { start: 1e-12, min: 1e-12, vardiff: false } });
  closers.push(() => pool.stratum.close());
  pool.broadcast(aJob({ number: 1, bits: hardBits }));
  const run = mine("--url", `127.0.0.1:${pool.stratum.addresses[0]!.port}`, "--user", user, "--threads", "2");
  await until(() => pool.shares.waiting.length >= 64, { ...patience, what: "64 open shares" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(pool.shares.waiting.length).toBeLessThan(70);
  pool.shares.commit();
  await until(() => pool.shares.waiting.length >= 64, { ...patience, what: "further shares" });
  pool.shares.verdict = "accepted";
  pool.shares.commit();
  run.stop.abort();
  expect(await run.exitCode).toBe(0);
});

test("without an accepted share the exit code is 1, and rejections are said with their reason", async () => {
  const pool = await aStratum({ difficulty: { start: easy } });
  closers.push(() => pool.stratum.close());
  pool.shares.verdict = "stale";
  pool.broadcast(aJob({ number: 1, bits: hardBits }));
  const run = mine("--url", `127.0.0.1:${pool.stratum.addresses[0]!.port}`, "--user", user, "--threads", "1");
  await until(() => run.out.some((line) => line.includes("rejected: stale: ")), {
    ...patience,
    what: "a rejection",
  });
  run.stop.abort();
  expect(await run.exitCode).toBe(1);
  expect(run.out.at(-1)).toMatch(/^in all: .*, 0 accepted, [1-9]/);
});

test("a user whom the pool refuses over V2 ends the miner with the pool's reason", async () => {
  const { url2 } = await aJudgingPool();
  await expect(mine("--url", url2, "--user", "nobody.cpu").exitCode).rejects.toMatchObject({
    code: "MINER_FAILED",
    message: 'Mining ended: the pool opens no channel for the user "nobody.cpu": unknown-user.',
  });
});

test("a pool that cannot prove to be the one whose key is in the URL is given nothing, and named", async () => {
  const pool = await aJudgingPool();
  pool.issue({});
  const otherKey = encodeAuthorityKey(authorityKeyOf(Buffer.alloc(32, 3)));
  const url = pool.url2.replace(/[^/]*$/, otherKey);
  const run = mine("--url", url, "--user", user, "--threads", "1");
  await until(() => run.out.length > 0, { ...patience, what: "the word" });
  run.stop.abort();
  expect(await run.exitCode).toBe(1);
  expect(run.out[0]).toMatch(
    /^no connection to stratum2.*: The server's certificate is signed by another.*: check the key; trying again in /,
  );
  expect(pool.answers).toEqual([]);
});

test("a user whom the pool refuses ends the miner with the pool's reason", async () => {
  const pool = await aStratum();
  closers.push(() => pool.stratum.close());
  const { exitCode } = mine("--url", `127.0.0.1:${pool.stratum.addresses[0]!.port}`, "--user", "nobody.cpu");
  await expect(exitCode).rejects.toMatchObject({
    code: "MINER_FAILED",
    message: expect.stringMatching(/"nobody\.cpu": unauthorized: /),
  });
});

test("a hash rate that was asked for is kept, over all threads, and shares still come", async () => {
  const pool = await aJudgingPool();
  pool.issue({});
  const run = mine(...["--url", pool.url, "--user", user, "--threads", "2", "--hashrate", "200k", "--json"]);
  await until(() => pool.answers.length >= 30, { ...patience, what: "30 shares" });
  run.stop.abort();
  expect(await run.exitCode).toBe(0);
  expect(new Set(pool.answers)).toEqual(new Set(["accepted"]));
  const summary = JSON.parse(run.out.at(-1)!);
  expect(summary.hashesPerSecond).toBeLessThan(210_000);
  expect(summary.hashesPerSecond).toBeGreaterThan(50_000);
});

test("the duration ends the miner", async () => {
  const run = mine("--url", "127.0.0.1:1", "--user", user, "--threads", "1", "--duration", "0.3");
  expect(await run.exitCode).toBe(1);
  expect(run.out[0]).toMatch(/no connection to 127\.0\.0\.1:1: .*ECONNREFUSED/);
});

test.each([
  [[]],
  [["--url", "x:1"]],
  [["--user", "x"]],
  [["--url", "x:1", "--user", "x", "--threads", "0"]],
  [["--url", "x:1", "--user", "x", "--threads", "two"]],
  [["--url", "x:1", "--user", "x", "--duration", "-1"]],
  [["--url", "x:1", "--user", "x", "--hashrate", "0"]],
  [["--url", "x:1", "--user", "x", "--hashrate", "-5k"]],
  [["--url", "x:1", "--user", "x", "--hashrate", "2 M"]],
  [["--url", "x:1", "--user", "x", "--hashrate", "2m"]],
  [["--url", "x:1", "--user", "x", "--channel", "wide"]],
  [["--url", "x:1", "--user", "x", "--nonsense"]],
])("%j is answered with the usage", async (args) => {
  const run = mine(...args);
  expect(await run.exitCode).toBe(2);
  expect(run.err.join("")).toContain("penstock miner --url");
});

/** A pool of another make: other sizes, no version rolling, errors as objects, other order of lines. */
function anOddPool(onSubmit: (params: string[]) => unknown): Promise<Server> {
  const server = createServer((socket: Socket) => {
    const send = (...messages: unknown[]) =>
      socket.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().trimEnd().split("\n")) {
        const { id, method, params } = JSON.parse(line);
        if (method === "mining.configure") send({ error: { code: -32601, message: "unknown" }, id });
        if (method === "mining.subscribe") {
          send(
            { id, result: [[], "aabb", 3] },
            { method: "client.show_message", params: ["welcome"] },
            { method: "mining.set_difficulty", params: [easy] },
            {
              method: "mining.notify",
              params: ["j", "00".repeat(32), "01", "02", [], "20000000", "17034267", "65000000", true],
            },
          );
        }
        if (method === "mining.authorize") send({ id, result: true });
        if (method === "mining.submit") send({ id, result: true, seen: onSubmit(params) });
      }
    });
  });
  closers.push(() => server.close());
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

test("a pool with other sizes and without version rolling is served too", async () => {
  const submits: string[][] = [];
  const server = await anOddPool((params) => submits.push(params));
  const { port } = server.address() as { port: number };
  const run = mine("--url", `127.0.0.1:${port}`, "--user", "any.name", "--threads", "1");
  await until(() => submits.length >= 3, { ...patience, what: "three shares" });
  run.stop.abort();
  expect(await run.exitCode).toBe(0);
  expect(run.out).toContain("the pool says: welcome\n");
  for (const params of submits) {
    expect(params).toEqual([
      "any.name",
      "j",
      expect.stringMatching(/^[0-9a-f]{6}$/),
      expect.stringMatching(/^65[0-9a-f]{6}$/),
      expect.stringMatching(/^[0-9a-f]{8}$/),
    ]);
  }
});

test("from the command line: `penstock miner` finds shares, prints plain lines and ends on SIGINT", async () => {
  const pool = await aJudgingPool();
  pool.issue({});
  const program = fileURLToPath(new URL("../../../bin/penstock.mjs", import.meta.url));
  // From another folder: nothing may depend on where it is started.
  const child = spawn(
    process.execPath,
    [program, "miner", "--url", pool.url, "--user", user, "--threads", "1"],
    {
      cwd: "/",
    },
  );
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  child.stderr.on("data", (text) => {
    output += text;
  });
  closers.push(() => child.kill("SIGKILL"));
  await until(() => pool.answers.length >= 5 && output.includes("connected to"), {
    ...patience,
    what: "shares",
  });
  child.kill("SIGINT");
  const exitCode = await new Promise((resolve) => child.once("exit", resolve));
  expect(output).toMatch(/in all: .*H\/s, \d+ accepted, 0 rejected/);
  expect(exitCode).toBe(0);
});
