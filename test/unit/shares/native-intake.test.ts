import { expect, test } from "vitest";
import { decodeRecord, TargetCache } from "../../../src/journal/codec.ts";
import { formatVersion } from "../../../src/journal/format.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { aClock } from "../../support/clock.ts";
import { aJob } from "../../support/jobs.ts";
import { aShareEngine, type ShareEngine, type ShareEngineOptions } from "../../support/share-engine.ts";
import { anAddress, hardBits } from "../../support/stratum.ts";
import { currentBinding } from "../native/binding.ts";

await currentBinding();
const addon = loadAddon();
const clock = aClock();
/** All but one hash in 10,000 is a share. */
const difficulty = 2.3284e-10;
let extranonce2 = 0;

function anEngine(changes: Partial<ShareEngineOptions> = {}): ShareEngine {
  const engine = aShareEngine({ addon, clock, difficulty, native: true, ...changes });
  engine.addJob(job(1, 1));
  engine.receive(
    Buffer.from(
      `{"id":1,"method":"mining.subscribe","params":[]}\n{"id":2,"method":"mining.authorize","params":["${anAddress}.rig","x"]}\n`,
    ),
  );
  engine.takeSent();
  return engine;
}

function job(number: number, tipNumber: number) {
  const previousHash = new Uint8Array(32).fill(tipNumber);
  return aJob({ number, tipNumber, previousHash, bits: hardBits, minTime: 1_699_999_000 });
}

function submit(id: number | string, { jobId = "000000000100", user = `${anAddress}.rig` } = {}): string {
  const extra = (++extranonce2).toString(16).padStart(16, "0");
  return `{"id":${id},"method":"mining.submit","params":["${user}","${jobId}","${extra}","6553f100","deadbeef"]}\n`;
}

const accepted = (id: number | string) => `{"id":${id},"result":true,"error":null}\n`;

test("once a share was let through, its like are taken in native code, and answered after the commit", () => {
  const engine = anEngine();
  engine.receive(Buffer.from(submit(3)));
  expect(engine.native).toBe(0);
  engine.receive(Buffer.from(submit(4) + submit('"five"') + submit(6)));
  expect(engine.native).toBe(3);
  expect(engine.takeSent()).toBe("");
  engine.commit(true);
  expect(engine.takeSent()).toBe([3, 4, '"five"', 6].map(accepted).join(""));
});

test.each(["pplns", "solo"] as const)(
  "%s records written in native code are what the journal's codec reads",
  (scheme) => {
    const engine = anEngine({ scheme });
    engine.receive(Buffer.from(submit(3) + submit(4)));
    engine.receive(Buffer.from(submit(5)));
    const bytes = engine.commit(true);
    expect(engine.native).toBe(2);
    const targets = new TargetCache();
    const lengths: number[] = [];
    for (let at = 0; at < bytes.length; at += lengths.at(-1)!) {
      lengths.push(bytes.readUInt32LE(at + 4));
      expect(decodeRecord(bytes, at, targets, formatVersion)).toMatchObject({
        kind: "share",
        timeMs: clock.wallMs(),
        height: 100,
        protocol: "v1",
        block: false,
        scheme,
        account: anAddress,
        worker: "rig",
      });
    }
    expect(lengths).toHaveLength(3);
  },
);

test("what cannot be made durable is refused, each under its own id, and the connection ends", () => {
  const engine = anEngine();
  engine.receive(Buffer.from(submit(3)));
  engine.commit(true);
  engine.takeSent();
  engine.receive(Buffer.from(submit(4) + submit(5)));
  engine.commit(false);
  const refused = engine
    .takeSent()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(refused.map(({ id, error }) => [id, error[0], error[1].split(":")[0]])).toEqual([
    [4, 20, "unavailable"],
    [5, 20, "unavailable"],
  ]);
  expect(engine.endReason).toBe("unavailable");
});

test("a new tip, another user and an unusual line each go the long way first", () => {
  const engine = anEngine();
  engine.receive(Buffer.from(submit(3)));
  engine.addJob(job(2, 2));
  // The share on the tip before is within its grace, by the clock: that is JavaScript's to say.
  engine.receive(Buffer.from(submit(4) + submit(5, { jobId: "000000000200" })));
  expect(engine.native).toBe(0);
  engine.receive(Buffer.from(submit(6, { jobId: "000000000200" })));
  expect(engine.native).toBe(1);
  engine.receive(Buffer.from(submit(7, { jobId: "000000000200", user: "nobody" })));
  engine.receive(Buffer.from(submit(8, { jobId: "000000000200" }).replace('"id"', '"i\\u0064"')));
  expect(engine.native).toBe(1);
  engine.commit(true);
  expect(engine.takeSent().match(/"result":true/g)).toHaveLength(5);
  expect(engine.counted.get("unauthorized v1")).toBe(1);
});

test("refusals in native code are counted by firmware and reason as on the long way, beside accepted shares and alone", () => {
  const engine = anEngine();
  const first = submit(3);
  engine.receive(Buffer.from(first));
  engine.receive(Buffer.from(first + submit(4) + first));
  expect(engine.native).toBe(3);
  expect(engine.counted.get("refused default duplicate")).toBe(2);
  engine.receive(Buffer.from(first));
  expect(engine.counted.get("refused default duplicate")).toBe(3);
  expect(engine.counted.get("duplicate v1")).toBe(3);
});

test.each([true, false])(
  "fifty shares that are too easy, before any is accepted, are told of once (native: %s)",
  (native) => {
    const engine = anEngine({ native, difficulty: 1e9 });
    engine.receive(Buffer.from(submit(3)));
    engine.receive(Buffer.from(Array.from({ length: 48 }, () => submit(4)).join("")));
    expect(engine.counted.get("all too easy")).toBeUndefined();
    engine.receive(Buffer.from(Array.from({ length: 60 }, () => submit(4)).join("")));
    expect(engine.counted.get("all too easy")).toBe(1);
    expect(engine.counted.get("refused default low-difficulty")).toBe(109);
    expect(engine.native).toBe(native ? 108 : 0);
  },
);

test("a read that does not fit one commit is taken as far as there is room, and the first beyond ends it", () => {
  const engine = anEngine({ batchBytes: 3_000 });
  engine.receive(Buffer.from(submit(100)));
  engine.receive(Buffer.from(Array.from({ length: 40 }, (_, index) => submit(101 + index)).join("")));
  engine.commit(true);
  const answers = engine
    .takeSent()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(answers.map(({ id }) => id)).toEqual(answers.map((_, index) => 100 + index));
  expect(answers.length).toBeGreaterThan(10);
  expect(answers.pop().error[1]).toMatch(/^unavailable/);
  expect(answers.every(({ result }) => result === true)).toBe(true);
  expect(engine.native).toBeGreaterThan(10);
  expect(engine.endReason).toBe("unavailable");
});

test("with the native way turned off everything goes the long way, to the same end", () => {
  const engine = anEngine({ native: false });
  engine.receive(Buffer.from(submit(3) + submit(4)));
  engine.commit(true);
  expect(engine.native).toBe(0);
  expect(engine.takeSent()).toBe(accepted(3) + accepted(4));
});
