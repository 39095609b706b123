import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { runJournal } from "../../src/cli/journal.ts";
import { listSegments } from "../../src/journal/segments.ts";
import { aBlock, aShare, aSoloBlock, commit, openTestJournal } from "../support/journal.ts";
import { temporaryFolder } from "../support/temporary.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const into = (name: keyof typeof written) => ({
    write(text: string) {
      written[name] += text;
    },
  });
  const io = { stdout: into("out"), stderr: into("err") };
  const code = await runJournal(args, io);
  return { code, ...written };
}

/** Two journals; the first has a commit of three records and one of two. */
async function twoJournals(): Promise<string> {
  const { path, remove } = await temporaryFolder("journal-cli");
  cleanups.push(remove);
  const first = await openTestJournal(join(path, "0-1"));
  await commit(first, [aShare(1), aBlock(2), aShare(3, { protocol: "v2", block: true, worker: "" })]);
  await commit(first, [aShare(4), aShare(5)]);
  await first.close();
  const second = await openTestJournal(join(path, "0-2"), { node: "0-2" });
  await commit(second, [aShare(6)]);
  await second.close();
  return path;
}

test("verify says of every journal below a folder that it is sound, and up to where", async () => {
  const path = await twoJournals();
  const { code, out, err } = await run("verify", path);
  expect([code, err]).toEqual([0, ""]);
  expect(out.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/0-1: sound: 5 records in 1 segments, up to epoch \d+, sequence 5$/),
    expect.stringMatching(/0-2: sound: 1 records in 1 segments, up to epoch \d+, sequence 1$/),
  ]);
  expect((await run("verify", join(path, "0-2"))).out.split("\n")).toHaveLength(2);
});

test("verify names the first bad record by segment and offset, and exits 1", async () => {
  const path = await twoJournals();
  const [segment] = await listSegments(join(path, "0-1"));
  const bytes = await readFile(segment!.path);
  bytes[310]! ^= 0x40;
  await writeFile(segment!.path, bytes);
  const { code, out, err } = await run("verify", path);
  expect(code).toBe(1);
  expect(out).toMatch(/0-2: sound/);
  expect(err).toContain(
    `Journal segment ${segment!.path} is damaged at offset 304: sequences 2 to 3 of epoch`,
  );
  expect(err).toContain("[JOURNAL_DAMAGED]");
  expect(await readFile(segment!.path)).toEqual(bytes);
});

test("a commit that a crash cut short is a note, not a fault, and nothing is cut", async () => {
  const path = join(await twoJournals(), "0-1");
  const [segment] = await listSegments(path);
  const whole = await readFile(segment!.path);
  const cut = whole.subarray(0, whole.length - 32 - 50);
  await writeFile(segment!.path, cut);
  const { code, out } = await run("verify", path);
  expect(code).toBe(0);
  expect(out).toMatch(/sound: 4 records .*; note: .*\.wal ends at offset \d+ in a commit that is not whole/);
  expect(await readFile(segment!.path)).toEqual(cut);
});

test("dump prints every record as a line of JSON, as people and explorers write its values", async () => {
  const { code, out, err } = await run("dump", await twoJournals());
  expect([code, err]).toEqual([0, ""]);
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(6);
  expect(lines[0]).toEqual({
    node: "0-1",
    epoch: expect.any(Number),
    sequence: 1,
    kind: "share",
    time: "2023-11-14T22:13:20.001Z",
    hash: `${"0".repeat(56)}00000001`,
    account: "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    worker: "rig1",
    target: `0000000000${"3fffc"}${"0".repeat(49)}`,
    work: "4398113620992",
    height: 800_000,
    protocol: "v1",
    block: false,
    scheme: "pplns",
  });
  expect(lines[1]).toMatchObject({
    sequence: 2,
    kind: "block",
    bits: "17053894",
    rewardSats: "625000000",
    scheme: "pplns",
    feeMillionths: 10_000,
    windowThousandths: 4_000,
    previousHash: `${"0".repeat(56)}00000001`,
  });
  expect(lines[2]).toMatchObject({ protocol: "v2", block: true, worker: "" });
  expect(lines.map(({ node, sequence }) => `${node}:${sequence}`)).toEqual([
    ...[1, 2, 3, 4, 5].map((sequence) => `0-1:${sequence}`),
    "0-2:1",
  ]);
});

test("dump says what is solo, and what a solo block's coinbase paid to the pool", async () => {
  const { path, remove } = await temporaryFolder("journal-cli");
  cleanups.push(remove);
  const journal = await openTestJournal(join(path, "0-1"));
  await commit(journal, [aShare(1, { scheme: "solo" }), aSoloBlock(2)]);
  await journal.close();
  const lines = (await run("dump", path)).out.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { kind: "share", scheme: "solo" },
    { kind: "block", scheme: "solo", rewardSats: "625000000", feeSats: "6250000" },
  ]);
  expect(lines[1]).not.toContain("feeMillionths");
});

test("dump prints what is sound before damage, then names it and exits 1", async () => {
  const path = join(await twoJournals(), "0-1");
  const [segment] = await listSegments(path);
  const bytes = await readFile(segment!.path);
  bytes[310]! ^= 0x40;
  await writeFile(segment!.path, bytes);
  const { code, out, err } = await run("dump", path);
  expect([code, out.trimEnd().split("\n").length]).toEqual([1, 1]);
  expect(err).toContain("offset 304");
});

test("a folder without a journal, or that is not there, is said so", async () => {
  const { path, remove } = await temporaryFolder("journal-cli");
  cleanups.push(remove);
  await expect(run("verify", path)).rejects.toThrow(expect.objectContaining({ code: "JOURNAL_MISSING" }));
  await expect(run("dump", join(path, "none"))).rejects.toThrow(
    expect.objectContaining({ code: "JOURNAL_UNREADABLE" }),
  );
});

test("what is not understood is answered with the usage", async () => {
  for (const args of [[], ["repair"], ["verify", "a", "b"], ["dump", "--nonsense"]]) {
    const { code, err } = await run(...args);
    expect([code, err.split("\n")[0]]).toEqual([2, "penstock journal verify|dump [DIR] [--config FILE]"]);
  }
  expect((await run("--help")).code).toBe(0);
});
