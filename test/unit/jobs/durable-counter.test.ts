import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDurableCounter } from "../../../src/jobs/durable-counter.ts";
import { within } from "../../support/deadline.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder("counter");
  file = join(folder.path, "jobs");
});
afterEach(() => folder.remove());

const code = (name: string) => expect.objectContaining({ code: name });
const take = (count: number, counter: { next(): number }) =>
  Array.from({ length: count }, () => counter.next());

test("a new counter starts at its first value and counts up by one", () => {
  expect(take(5, openDurableCounter(file, { lease: 2 }))).toEqual([0, 1, 2, 3, 4]);
  expect(take(2, openDurableCounter(join(folder.path, "other"), { lease: 2, first: 100 }))).toEqual([
    100, 101,
  ]);
});

test("opening alone uses nothing up", () => {
  for (let i = 0; i < 3; i++) openDurableCounter(file, { lease: 10 });
  expect(openDurableCounter(file, { lease: 10 }).next()).toBe(0);
});

test("the mark on disk is above every value before it is handed out", () => {
  const counter = openDurableCounter(file, { lease: 3 });
  for (let i = 0; i < 20; i++) {
    const value = counter.next();
    expect(Number(readFileSync(file, "latin1").split(" ")[2])).toBeGreaterThan(value);
  }
});

test("a restart goes on above all that was handed out, and skips a lease at most", () => {
  let last = -1;
  for (let restart = 0; restart < 30; restart++) {
    const values = take(1 + (restart % 7), openDurableCounter(file, { lease: 4, first: 0 }));
    expect(values[0]).toBeGreaterThan(last);
    expect(values[0]! - last).toBeLessThanOrEqual(4);
    last = values.at(-1)!;
  }
});

test("a larger or smaller lease than before makes no difference to what was handed out", () => {
  expect(take(3, openDurableCounter(file, { lease: 1_000 }))).toEqual([0, 1, 2]);
  expect(openDurableCounter(file, { lease: 1 }).next()).toBe(1_000);
  expect(openDurableCounter(file, { lease: 50 }).next()).toBe(1_001);
});

test("a process killed at any moment never hands out a value again", async () => {
  const module = fileURLToPath(new URL("../../../src/jobs/durable-counter.ts", import.meta.url));
  const program = `import { openDurableCounter } from ${JSON.stringify(module)};
    import { writeSync } from "node:fs";
    const counter = openDurableCounter(${JSON.stringify(file)}, { lease: 2 });
    for (;;) writeSync(1, counter.next() + "\\n");`;
  const seen: number[] = [];
  for (const killAfterBytes of [1, 150, 400]) {
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (text.length >= killAfterBytes) child.kill("SIGKILL");
    });
    await within(30_000, "the killed process to end", once(child, "close"));
    seen.push(...text.split("\n").slice(0, -1).map(Number));
  }
  expect(seen.length).toBeGreaterThan(10);
  expect(new Set(seen).size).toBe(seen.length);
  expect(openDurableCounter(file, { lease: 2 }).next()).toBeGreaterThan(Math.max(...seen));
});

describe("what is not a counter is refused, not overwritten", () => {
  test("cut at any byte", () => {
    openDurableCounter(file, { lease: 12_345 }).next();
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length++) {
      truncateSync(file, length);
      expect(() => openDurableCounter(file, { lease: 1 }), `cut at ${length}`).toThrow(
        code("COUNTER_DAMAGED"),
      );
      expect(readFileSync(file)).toHaveLength(length);
      writeFileSync(file, whole);
    }
    expect(openDurableCounter(file, { lease: 1 }).next()).toBe(12_345);
  });

  test("any digit changed", () => {
    openDurableCounter(file, { lease: 12_345 }).next();
    const text = readFileSync(file, "latin1");
    writeFileSync(file, text.replace("12345", "02345"));
    expect(() => openDurableCounter(file, { lease: 1 })).toThrow(code("COUNTER_DAMAGED"));
  });

  test.each(["", "17\n", "penstock-counter 2 17 00000000\n", "\0".repeat(40)])("%j", (text) => {
    writeFileSync(file, text);
    expect(() => openDurableCounter(file, { lease: 1 })).toThrow(code("COUNTER_DAMAGED"));
  });

  test("a folder in its place", () => {
    expect(() => openDurableCounter(folder.path, { lease: 1 })).toThrow(code("COUNTER_DAMAGED"));
  });
});

test("a second process on the same file is noticed before either hands out what the other has", () => {
  const first = openDurableCounter(file, { lease: 1 });
  const second = openDurableCounter(file, { lease: 1 });
  expect(first.next()).toBe(0);
  expect(() => second.next()).toThrow(code("COUNTER_IN_USE"));
});

test("a file that vanishes under a running counter is noticed", () => {
  const counter = openDurableCounter(file, { lease: 1 });
  counter.next();
  rmSync(file);
  expect(() => counter.next()).toThrow(code("COUNTER_IN_USE"));
});

test("a folder that cannot be written to is an error that uses nothing up; once it can, counting goes on", () => {
  const deep = join(folder.path, "missing", "jobs");
  const counter = openDurableCounter(deep, { lease: 2 });
  expect(() => counter.next()).toThrow(code("COUNTER_UNWRITABLE"));
  const obstacle = `${file}.tmp`;
  const other = openDurableCounter(file, { lease: 2 });
  expect(take(2, other)).toEqual([0, 1]);
  // A folder where the temporary file should go stops even root.
  mkdirSync(obstacle);
  expect(() => other.next()).toThrow(code("COUNTER_UNWRITABLE"));
  rmSync(obstacle, { recursive: true });
  expect(take(2, other)).toEqual([2, 3]);
});

test("the last value is handed out, and then no more", () => {
  const counter = openDurableCounter(file, { lease: 4, max: 5 });
  expect(take(6, counter)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(() => counter.next()).toThrow(code("COUNTER_EXHAUSTED"));
  expect(() => openDurableCounter(file, { lease: 4, max: 5 }).next()).toThrow(code("COUNTER_EXHAUSTED"));
});

test("nothing but the counter's file is left in its folder", () => {
  take(10, openDurableCounter(file, { lease: 1 }));
  expect(readdirSync(folder.path)).toEqual(["jobs"]);
});
