import assert from "node:assert/strict";
import { test } from "vitest";
import { toHex } from "../../../src/bitcoin/bytes.ts";
import { displayHash } from "../../../src/bitcoin/hash.ts";
import { PoolError } from "../../../src/errors.ts";
import { parseTemplate } from "../../../src/template/parse.ts";
import { anAnswer, aTransaction, bits } from "./answer.ts";

const options = { id: "t-1", receivedMonotonicMs: 42 };

test("a template is read in full, in bytes, and frozen", () => {
  const template = parseTemplate(anAnswer({ coinbaseaux: { flags: "c0ffee" } }), options);
  assert.equal(template.id, "t-1");
  assert.equal(template.kind, "full");
  assert.equal(template.height, 900_001);
  assert.equal(template.version, 0x20000000);
  assert.equal(displayHash(template.previousHash), `${"0".repeat(60)}beef`);
  assert.equal(template.bits, bits);
  assert.equal(template.rewardSats, 312_512_345n);
  assert.equal(template.minTime, 1_750_000_001);
  assert.equal(template.currentTime, 1_750_000_600);
  assert.equal(toHex(template.coinbaseAux), "c0ffee");
  assert.equal(toHex(template.witnessCommitment!), `6a24aa21a9ed${"5c".repeat(32)}`);
  assert.equal(template.receivedMonotonicMs, 42);
  assert.ok(Object.isFrozen(template) && Object.isFrozen(template.transactions));
});

test("transactions stay in the node's order, with their sums", () => {
  const order = ["0f", "03", "aa", "01"];
  const transactions = order.map((byte) => aTransaction(byte));
  const read = parseTemplate(anAnswer({ transactions }), options).transactions;
  assert.equal(read.count, 4);
  assert.equal(toHex(read.data), order.map((byte) => byte.repeat(70)).join(""));
  assert.deepEqual(
    order.map((_, i) => displayHash(read.txids.subarray(32 * i, 32 * i + 32))),
    order.map((byte) => `${"0".repeat(62)}${byte}`),
  );
  assert.equal(read.weight, 4 * 280);
  assert.equal(read.sigops, 12);
});

test("a node that gives no witness commitment gets none", () => {
  const { default_witness_commitment: _, ...answer } = anAnswer();
  assert.equal(parseTemplate(answer, options).witnessCommitment, undefined);
});

test("an empty template, upper-case hex and an open signet are good", () => {
  const answer = anAnswer({
    transactions: [],
    previousblockhash: "AB".repeat(32),
    rules: ["csv", "!segwit", "!signet", "taproot"],
    signet_challenge: "51",
  });
  assert.equal(parseTemplate(answer, options).transactions.count, 0);
});

test("what this pool does not know of is passed over, unless it is a rule that must be known", () => {
  assert.ok(
    parseTemplate(anAnswer({ __proto__: { x: 1 }, rules: ["csv", "someday"], novelty: {} }), options),
  );
});

function assertRefused(answer: unknown, code: string, where: RegExp): void {
  assert.throws(
    () => parseTemplate(answer, options),
    (error) => {
      assert(error instanceof PoolError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, where);
      assert.ok(error.hint.length > 0);
      return true;
    },
  );
}

test.each([[null], [undefined], ["x"], [7], [[]], [true]])("the answer %j is refused", (answer) => {
  assertRefused(answer, "TEMPLATE_MALFORMED", /answer/);
});

test.each<[string, unknown]>([
  ["height", "900001"],
  ["height", 0],
  ["height", 1.5],
  ["height", 2 ** 31],
  ["version", -1],
  ["version", null],
  ["previousblockhash", "00"],
  ["previousblockhash", `0x${"0".repeat(62)}`],
  ["previousblockhash", `${"0".repeat(63)} `],
  ["previousblockhash", "\u0130".repeat(64)],
  ["bits", "1703421"],
  ["bits", "017034219"],
  ["bits", 386089497],
  ["target", "00".repeat(32)],
  ["target", "ff".repeat(32)],
  ["target", undefined],
  ["mintime", -1],
  ["curtime", 1_750_000_000],
  ["curtime", 2 ** 32],
  ["coinbasevalue", -1],
  ["coinbasevalue", 0.5],
  ["coinbasevalue", 21_000_000 * 1e8 + 1],
  ["coinbasevalue", "312500000"],
  ["weightlimit", 4_000_001],
  ["sigoplimit", 80_001],
  ["sigoplimit", undefined],
  ["sizelimit", 4_000_001],
  ["transactions", {}],
  ["transactions", undefined],
  ["coinbaseaux", []],
  ["coinbaseaux", { flags: 7 }],
  ["coinbaseaux", { flags: "0" }],
  ["coinbaseaux", { flags: "00".repeat(41) }],
  ["default_witness_commitment", ""],
  ["default_witness_commitment", `6a24aa21a9ed${"5c".repeat(31)}`],
  ["default_witness_commitment", `6a24aa21a9ee${"5c".repeat(32)}`],
  ["default_witness_commitment", null],
  ["rules", "segwit"],
])("a template with %s = %j is refused, and the field named", (field, value) => {
  assertRefused(anAnswer({ [field]: value }), "TEMPLATE_MALFORMED", new RegExp(field));
});

test("a target that no chain has is refused", () => {
  assertRefused(anAnswer({ bits: "00000000" }), "TARGET_OUT_OF_RANGE", /target/);
  assertRefused(anAnswer({ bits: "ff123456" }), "TARGET_OUT_OF_RANGE", /target/);
});

test.each<[string, unknown]>([
  ["data", ""],
  ["data", "0"],
  ["data", "0g"],
  ["data", "01 2"],
  ["data", "\u0130\u0131"],
  ["data", undefined],
  ["txid", "00"],
  ["txid", undefined],
  ["weight", 0],
  ["weight", 1.5],
  ["weight", "280"],
  ["weight", 4_000_001],
  ["sigops", -1],
  ["sigops", 80_001],
  ["depends", [2]],
  ["depends", [0]],
  ["depends", 1],
])("a transaction with %s = %j is refused, and named", (field, value) => {
  const transactions = [aTransaction("01"), aTransaction("02", { [field]: value })];
  assertRefused(
    anAnswer({ transactions }),
    "TEMPLATE_MALFORMED",
    new RegExp(`transactions\\[1\\]\\.${field}`),
  );
});

test("sums beyond the limits are refused", () => {
  const transactions = [aTransaction("01", { weight: 300 }), aTransaction("02", { weight: 300 })];
  assertRefused(anAnswer({ transactions, weightlimit: 599 }), "TEMPLATE_MALFORMED", /weightlimit/);
  assertRefused(anAnswer({ transactions, sigoplimit: 5 }), "TEMPLATE_MALFORMED", /sigoplimit/);
  assertRefused(anAnswer({ transactions, sizelimit: 139 }), "TEMPLATE_MALFORMED", /sizelimit/);
  const many = Array.from({ length: 16_667 }, () => aTransaction("01"));
  assertRefused(anAnswer({ transactions: many }), "TEMPLATE_MALFORMED", /more than 16666/);
});

test("a mandatory rule that this version does not know is refused", () => {
  assertRefused(anAnswer({ rules: ["!segwit", "!someday"] }), "TEMPLATE_RULE_UNKNOWN", /!someday/);
});

test("a signet whose blocks must be signed is refused", () => {
  assertRefused(anAnswer({ signet_challenge: "5121ff51ae" }), "TEMPLATE_SIGNET_SIGNED", /signet/);
});
