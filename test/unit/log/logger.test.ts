import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { LogFields } from "../../../src/log/index.ts";
import { createLogger } from "../../../src/log/index.ts";
import { until, within } from "../../support/deadline.ts";
import { temporaryFolder } from "../../support/temporary.ts";

type Line = Record<string, unknown>;

function linesOf(written: string): Line[] {
  return written
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

async function logged(
  options: Partial<Parameters<typeof createLogger>[0]>,
  act: (log: ReturnType<typeof createLogger>["log"]) => void,
): Promise<Line[]> {
  const folder = await temporaryFolder("log");
  const file = join(folder.path, "log");
  const fd = openSync(file, "a");
  try {
    const { log, flush } = createLogger({ level: "info", process: "primary", fd, ...options });
    act(log);
    await flush();
    return linesOf(await readFile(file, "utf8"));
  } finally {
    closeSync(fd);
    await folder.remove();
  }
}

test("a line has time, level, process, event, fields and a sentence", async () => {
  const [line] = await logged({}, (log) => log.warn({ event: "node-slow", seconds: 3 }, "the node is slow"));
  expect(line).toMatchObject({
    level: "warn",
    process: "primary",
    pid: process.pid,
    event: "node-slow",
    seconds: 3,
    msg: "the node is slow",
  });
  expect(line!["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("lines below the level are not written", async () => {
  const act: Parameters<typeof logged>[1] = (log) => {
    log.debug({ event: "detail" }, "a detail");
    log.error({ event: "trouble" }, "trouble");
  };
  expect((await logged({}, act)).map(({ event }) => event)).toEqual(["trouble"]);
  expect(await logged({ level: "silent" }, act)).toEqual([]);
});

test("a child's lines carry its fields", async () => {
  const [line] = await logged({}, (log) =>
    log.child({ connection: 7 }).info({ event: "subscribed" }, "subscribed"),
  );
  expect(line).toMatchObject({ connection: 7, event: "subscribed" });
});

test("an error is written with its code, its hint and its cause, without secrets", async () => {
  const error = Object.assign(new Error("login canary-99 refused"), { code: "X", hint: "try canary-99" });
  const [line] = await logged({ secrets: ["canary-99"] }, (log) =>
    log.error({ event: "failed", err: error, password: "abc" }, "canary-99"),
  );
  expect(JSON.stringify(line)).not.toMatch(/canary-99|abc/);
  expect(line!["err"]).toMatchObject({ code: "X", message: "login [redacted] refused" });
});

test("a text with line feeds stays one line", async () => {
  const lines = await logged({}, (log) =>
    log.info({ event: "x", agent: 'a\nb"}\n{"event":"forged"}' }, "x\ny"),
  );
  expect(lines.map(({ event }) => event)).toEqual(["x"]);
});

test("the compiler wants an event in every line", async () => {
  const fields: LogFields = { event: "x" };
  // @ts-expect-error a line without an event
  const without: LogFields = { seconds: 1 };
  expect([fields, without]).toHaveLength(2);
});

test("a full disk costs lines, which are counted, and nothing else", async () => {
  const fd = openSync("/dev/full", "w");
  let dropped = 0;
  const { log, flush } = createLogger({
    level: "info",
    process: "primary",
    fd,
    onDropped: (lines) => {
      dropped += lines;
    },
  });
  for (let i = 0; i < 100; i++) log.info({ event: "x", i }, "x");
  await flush();
  expect(dropped).toBe(100);
  closeSync(fd);
});

/** Runs code in a process of its own, with `createLogger` at hand; nobody reads its output unless the test does. */
function child(code: string) {
  const source = `import { createLogger } from "./src/log/index.ts"; import { once } from "node:events"; ${code}`;
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
    cwd: resolve(import.meta.dirname, "../../.."),
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** 64 MB of lines, more than pipe and queue hold; the event loop turns between them. */
const floodTo = (fd: 1 | 2) => `
  let dropped = 0;
  const onDropped = (lines) => { dropped += lines; };
  const { log, flush } = createLogger({ level: "info", process: "w", fd: ${fd}, onDropped });
  let worstMs = 0;
  for (let i = 0; i < 64; i++) {
    for (let j = 0; j < 1000; j++) log.info({ event: "flood", filler: "x".repeat(1000) }, "x");
    const startedMs = performance.now();
    await new Promise(setImmediate);
    worstMs = Math.max(worstMs, performance.now() - startedMs);
  }`;

test.each([
  { name: "standard output", fd: 1, stuck: "stdout", other: "stderr" },
  { name: "standard error", fd: 2, stuck: "stderr", other: "stdout" },
] as const)(
  "a reader of $name that stands still blocks neither the event loop nor the end of the process",
  async ({ fd, stuck, other }) => {
    const flooding = child(`${floodTo(fd)}
      const startedMs = performance.now();
      await flush(200);
      process.${other}.write(JSON.stringify({ dropped, worstMs, flushMs: performance.now() - startedMs }));
      process.exit(0);`);
    flooding[stuck].pause();
    const said = text(flooding[other]);
    const ended = new Promise((done) => flooding.once("exit", done));
    expect(await within(30_000, "the process to end", ended)).toBe(0);
    const { dropped, worstMs, flushMs } = JSON.parse(await said);
    expect(dropped).toBeGreaterThan(50_000);
    expect(worstMs).toBeLessThan(250);
    expect(flushMs).toBeLessThan(2_000);
  },
);

test("lines on standard error reach a pipe, and standard output stays clean", async () => {
  const command = child(`
    const { log, flush } = createLogger({ level: "info", process: "ledger", fd: 2 });
    log.warn({ event: "first" }, "x");
    process.stdout.write("the answer");
    log.warn({ event: "second" }, "x");
    await flush();`);
  const [answer, written] = await within(
    30_000,
    "the process to end",
    Promise.all([text(command.stdout), text(command.stderr)]),
  );
  expect(answer).toBe("the answer");
  expect(linesOf(written).map(({ event }) => event)).toEqual(["first", "second"]);
});

test("a pipe that is neither standard output nor standard error is refused", async () => {
  const command = spawn(
    process.execPath,
    [
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      'import { createLogger } from "./src/log/index.ts"; createLogger({ level: "info", process: "w", fd: 3 });',
    ],
    { cwd: resolve(import.meta.dirname, "../../.."), stdio: ["ignore", "ignore", "pipe", "pipe"] },
  );
  const said = await within(30_000, "the process to end", text(command.stderr!));
  expect(said).toContain("only standard output and standard error can be pipes");
});

test("when the reader goes on, so do the lines, and one says how many were lost", async () => {
  const slow = child(`${floodTo(1)}
    process.stderr.write(String(dropped));
    await once(process.stdin, "data");
    while (true) {
      await flush(10_000);
      log.info({ event: "last" }, "x");
      await flush(10_000);
      break;
    }
    process.exit(0);`);
  slow.stdout.pause();
  let dropped = "";
  slow.stderr.on("data", (chunk) => {
    dropped += chunk;
  });
  await until(() => dropped !== "", { timeoutMs: 30_000, what: "the flood to be over" });
  const written = text(slow.stdout);
  slow.stdin.write("go\n");
  const lines = linesOf(await within(30_000, "the lines", written));
  const lost = lines.find(({ event }) => event === "log-lines-lost");
  expect(lost).toMatchObject({ level: "warn", lines: Number(dropped) });
  expect(lines.at(-1)).toMatchObject({ event: "last" });
  expect(lines.filter(({ event }) => event === "flood")).toHaveLength(64_000 - Number(dropped));
});

test("a reader that is gone does not end the process", async () => {
  const deserted = child(`
    let dropped = 0;
    const { log, flush } = createLogger({ level: "info", process: "w", onDropped: (lines) => { dropped += lines; } });
    await once(process.stdin, "data");
    for (let i = 0; i < 10; i++) { log.info({ event: "x" }, "x"); await flush(1000); }
    process.stderr.write(String(dropped));
    process.exit(7);`);
  const said = text(deserted.stderr);
  deserted.stdout.destroy();
  deserted.stdin.write("go\n");
  const code = await within(30_000, "the process to end", new Promise((done) => deserted.once("exit", done)));
  expect({ code, dropped: await said }).toEqual({ code: 7, dropped: "10" });
});

test("lines of several processes on one pipe are never mixed", async () => {
  const writers = `
    import { spawn } from "node:child_process";
    const write = 'import { createLogger } from "./src/log/index.ts"; const { log, flush } = createLogger({ level: "info", process: "w" }); for (let i = 0; i < 3000; i++) log.info({ event: "x", filler: "y".repeat(i % 700) }, "x"); await flush(20000);';
    const run = () => new Promise((done) => spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", write], { stdio: "inherit" }).once("exit", done));
    await Promise.all([run(), run(), run()]);`;
  const parent = child(writers);
  const lines = linesOf(await within(60_000, "the lines", text(parent.stdout)));
  expect(lines).toHaveLength(9_000);
});
