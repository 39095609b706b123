import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LearnedDifficultiesFile } from "../../../src/pool/learned-difficulties.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder("learned-difficulties");
  file = join(folder.path, "difficulties");
});
afterEach(() => folder.remove());

test("what was learned is there after a restart, in its order and with its last digit", async () => {
  const before = await LearnedDifficultiesFile.open(file, 10);
  before.learn([
    ["account.b", 0.1],
    ["account.a", 2 ** 60],
    ["account.", 5e-324],
    ["account.with spaces in it", 3],
  ]);
  before.learn([["account.b", 0.3]]);
  await before.save();
  expect((await LearnedDifficultiesFile.open(file, 10)).all).toEqual([
    ["account.a", 2 ** 60],
    ["account.", 5e-324],
    ["account.with spaces in it", 3],
    ["account.b", 0.3],
  ]);
});

test("only as many as the bound says are kept, the newest", async () => {
  const before = await LearnedDifficultiesFile.open(file, 10);
  before.learn([1, 2, 3].map((number) => [`account.${number}`, number]));
  await before.save();
  expect((await LearnedDifficultiesFile.open(file, 2)).all.map(([, difficulty]) => difficulty)).toEqual([
    2, 3,
  ]);
});

test("nothing is written unless something was learned", async () => {
  const learned = await LearnedDifficultiesFile.open(file, 10);
  learned.learn([]);
  await learned.save();
  await expect(stat(file)).rejects.toThrow("ENOENT");
});

test("what could not be written is written the next time", async () => {
  const learned = await LearnedDifficultiesFile.open(file, 10);
  learned.learn([["account.a", 1]]);
  await mkdir(`${file}.tmp`);
  await expect(learned.save()).rejects.toThrow("EISDIR");
  await rm(`${file}.tmp`, { recursive: true });
  await learned.save();
  expect(await readFile(file, "utf8")).toBe("penstock-difficulties 1\n1 account.a\n");
});

test("lines that make no sense are passed over", async () => {
  const lines = [
    "x account.a",
    "-1 account.b",
    "0 account.c",
    "Infinity account.d",
    " account.e",
    "7",
    "7 ",
    "",
    "2 account.f",
    "3 account.g",
  ];
  await writeFile(file, ["penstock-difficulties 1", ...lines].join("\n"));
  expect((await LearnedDifficultiesFile.open(file, 10)).all).toEqual([
    ["account.f", 2],
    ["account.g", 3],
  ]);
});

test("a file of another format is passed over", async () => {
  await writeFile(file, "penstock-difficulties 2\n1 account.a\n");
  expect((await LearnedDifficultiesFile.open(file, 10)).all).toEqual([]);
});
