import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { transactionsOf } from "../../../src/pool/job-transactions.ts";
import { writeTransactionsFile } from "../../../src/template/transactions-file.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** The least that is one: an input, an output. */
const transaction = Buffer.concat([
  Buffer.from("0200000001", "hex"),
  Buffer.alloc(36, 5),
  Buffer.from("00ffffffff01", "hex"),
  Buffer.alloc(8, 1),
  Buffer.from("0000000000", "hex"),
]);
const data = Buffer.concat([transaction, transaction]);
const job = { templateId: "t1", transactionCount: 2 };
const hex = transaction.toString("hex");
const plenty = 1_000_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder("job-transactions");
});
afterEach(() => folder.remove());

test("each transaction of the job's template is told in hex", () => {
  writeTransactionsFile(folder.path, "t1", { count: 2, data });
  expect(transactionsOf(folder.path, job, plenty)).toEqual([hex, hex]);
});

test("a job without transactions needs no file", () => {
  expect(transactionsOf(folder.path, { ...job, transactionCount: 0 }, plenty)).toEqual([]);
});

test("a job whose file is gone has none to tell", () => {
  expect(transactionsOf(folder.path, job, plenty)).toBeUndefined();
});

test("what takes more text than the bound is not told, and never more than the bound is", () => {
  writeTransactionsFile(folder.path, "t1", { count: 2, data });
  const texts = [hex, hex];
  const least = JSON.stringify(texts).length;
  const told = [least - 1, least, least + 40].map((maxBytes) => transactionsOf(folder.path, job, maxBytes));
  expect(told[0]).toBeUndefined();
  expect(told[2]).toEqual(texts);
});

test("a file that is damaged is an error of ours", () => {
  writeFileSync(join(folder.path, "t1.txs"), "rubbish");
  expect(() => transactionsOf(folder.path, job, plenty)).toThrow(
    expect.objectContaining({ code: "TRANSACTIONS_FILE_DAMAGED" }),
  );
});
