import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  hasTransactionsFile,
  pruneTransactionsFiles,
  readTransactionsFileSync,
  writeTransactionsFile,
} from "../../../src/template/transactions-file.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let directory: string;
beforeEach(async () => {
  folder = await temporaryFolder("templates");
  directory = folder.path;
});
afterEach(() => folder.remove());

const transactions = { count: 3, data: Buffer.from("three transactions") };
const code = (name: string) => expect.objectContaining({ code: name });

test.each([
  ["some", transactions],
  ["none", { count: 0, data: Buffer.alloc(0) }],
  ["four megabytes", { count: 9_000, data: Buffer.alloc(4_000_000, 0xab) }],
])("what is written is read: %s", async (_, written) => {
  writeTransactionsFile(directory, "t1", written);
  const { count, data } = readTransactionsFileSync(directory, "t1");
  expect(count).toBe(written.count);
  expect(written.data.equals(data)).toBe(true);
  expect(readdirSync(directory)).toEqual(["t1.txs"]);
});

test("a block can be completed while the file is there", async () => {
  expect(hasTransactionsFile(directory, "t1")).toBe(false);
  writeTransactionsFile(directory, "t1", transactions);
  expect(hasTransactionsFile(directory, "t1")).toBe(true);
  expect(hasTransactionsFile(directory, "t2")).toBe(false);
  expect(() => hasTransactionsFile(directory, "../t1")).toThrow(RangeError);
});

test("the file has the bytes of its drawing", async () => {
  writeTransactionsFile(directory, "t1", { count: 258, data: Buffer.of(0xaa, 0xbb) });
  expect(readFileSync(join(directory, "t1.txs")).toString("hex")).toBe(
    `${Buffer.from("penstxs1").toString("hex")}0201000002000000aabb`,
  );
});

describe("refusals", () => {
  test("a file that is not there", () => {
    expect(() => readTransactionsFileSync(directory, "t1")).toThrow(code("TRANSACTIONS_FILE_MISSING"));
  });

  test("a file cut at any byte, or too long, or of another kind", async () => {
    writeTransactionsFile(directory, "t1", transactions);
    const path = join(directory, "t1.txs");
    const whole = readFileSync(path);
    const damaged = code("TRANSACTIONS_FILE_DAMAGED");
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      expect(() => readTransactionsFileSync(directory, "t1")).toThrow(damaged);
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.of(0)]));
    expect(() => readTransactionsFileSync(directory, "t1")).toThrow(damaged);
    writeFileSync(path, Buffer.alloc(whole.length));
    expect(() => readTransactionsFileSync(directory, "t1")).toThrow(damaged);
  });

  test("a folder that is not there", async () => {
    const missing = join(directory, "missing");
    expect(() => writeTransactionsFile(missing, "t1", transactions)).toThrow(
      code("TRANSACTIONS_FILE_UNWRITABLE"),
    );
  });

  test.each(["", "../t1", "a/b", ".", "a.b", "a\0", "x".repeat(101)])("%j names no file", async (id) => {
    expect(() => readTransactionsFileSync(directory, id)).toThrow(RangeError);
    expect(() => writeTransactionsFile(directory, id, transactions)).toThrow(RangeError);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("pruning", () => {
  async function write(ids: readonly string[]): Promise<void> {
    for (const [age, id] of ids.entries()) {
      writeTransactionsFile(directory, id, transactions);
      utimesSync(join(directory, `${id}.txs`), 1_000 + age, 1_000 + age);
    }
  }

  test("keeps what jobs need and the newest besides", async () => {
    await write(["z1", "a2", "m3", "b4", "c5"]);
    expect(await pruneTransactionsFiles(directory, { keep: new Set(["z1", "c5"]), newest: 1 })).toBe(2);
    expect(readdirSync(directory).sort()).toEqual(["b4.txs", "c5.txs", "z1.txs"]);
    expect(await pruneTransactionsFiles(directory, { keep: new Set(["z1", "c5"]), newest: 1 })).toBe(0);
  });

  test("removes what a killed run left half written, not what this one is writing, and nothing else", async () => {
    await write(["t1"]);
    writeFileSync(join(directory, "t0.1.txs-part"), "half");
    writeFileSync(join(directory, `t2.${process.pid}.txs-part`), "half");
    writeFileSync(join(directory, "notes.txt"), "mine");
    expect(await pruneTransactionsFiles(directory, { keep: new Set(), newest: 5 })).toBe(1);
    expect(readdirSync(directory).sort()).toEqual(["notes.txt", "t1.txs", `t2.${process.pid}.txs-part`]);
  });

  test("can remove everything", async () => {
    await write(["t1", "t2"]);
    expect(await pruneTransactionsFiles(directory, { keep: new Set(), newest: 0 })).toBe(2);
    expect(readdirSync(directory)).toEqual([]);
  });
});
