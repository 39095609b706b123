import assert from "node:assert/strict";
import { test } from "vitest";
import { toHex } from "../../../src/bitcoin/bytes.ts";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import type { Tip } from "../../../src/node/index.ts";
import { type FirstTemplateInput, firstTemplate } from "../../../src/template/first-template.ts";
import { parseTemplate } from "../../../src/template/parse.ts";
import { anAnswer, bits } from "./answer.ts";

function aTip(changes: Partial<Tip> = {}): Tip {
  return {
    hash: Buffer.alloc(32, 7),
    displayHash: "07".repeat(32),
    previousHash: Buffer.alloc(32, 6),
    height: 900_001,
    medianTime: 1_750_000_300,
    bits,
    chainWork: 5n,
    ...changes,
  };
}

function anInput(changes: Partial<FirstTemplateInput> = {}): FirstTemplateInput {
  return {
    id: "t-2",
    chain: "mainnet",
    tip: aTip(),
    previous: parseTemplate(anAnswer({ coinbaseaux: { flags: "ab" } }), {
      id: "t-1",
      receivedMonotonicMs: 1_000,
    }),
    nowMonotonicMs: 61_500,
    ...changes,
  };
}

test("it builds on the new tip with subsidy and nothing else", () => {
  const template = firstTemplate(anInput())!;
  assert.equal(template.kind, "first");
  assert.equal(template.id, "t-2");
  assert.equal(template.height, 900_002);
  assert.deepEqual(template.previousHash, Buffer.alloc(32, 7));
  assert.equal(template.rewardSats, 312_500_000n);
  assert.equal(template.bits, bits);
  assert.equal(template.transactions.count, 0);
  assert.equal(template.transactions.data.length, 0);
  assert.equal(template.minTime, 1_750_000_301);
  assert.equal(template.currentTime, 1_750_000_660); // 60 s after the previous one
  assert.equal(toHex(template.coinbaseAux), "ab");
  assert.equal(template.receivedMonotonicMs, 61_500);
  assert.ok(Object.isFrozen(template));
});

test("its commitment is that of a block with nothing but a coinbase", () => {
  const commitment = sha256d(Buffer.alloc(64));
  assert.equal(toHex(firstTemplate(anInput())!.witnessCommitment!), `6a24aa21a9ed${toHex(commitment)}`);
});

test("it has no commitment where the node gives none", () => {
  const previous = { ...anInput().previous, witnessCommitment: undefined };
  assert.equal(firstTemplate(anInput({ previous }))!.witnessCommitment, undefined);
});

test("its time is never below what the chain allows", () => {
  const tip = aTip({ medianTime: 1_760_000_000 });
  assert.equal(firstTemplate(anInput({ tip }))!.currentTime, 1_760_000_001);
});

test("there is none where the target may change", () => {
  const beforeRetarget = aTip({ height: 2016 * 450 - 1 });
  assert.equal(firstTemplate(anInput({ tip: beforeRetarget })), undefined);
  assert.equal(firstTemplate(anInput({ tip: beforeRetarget, chain: "signet" })), undefined);
  assert.ok(firstTemplate(anInput({ tip: beforeRetarget, chain: "regtest" })));
  assert.equal(firstTemplate(anInput({ chain: "testnet4" })), undefined);
});

test("it claims the subsidy of its own height at a halving", () => {
  const claimed = (height: number) =>
    firstTemplate(anInput({ tip: aTip({ height: height - 1 }) }))!.rewardSats;
  assert.equal(claimed(1_049_999), 312_500_000n);
  assert.equal(claimed(1_050_000), 156_250_000n);
});
