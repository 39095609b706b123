import assert from "node:assert/strict";
import { test } from "vitest";
import { NodeError } from "../../../src/node/errors.ts";
import { readSubmitFailure, readSubmitResult } from "../../../src/node/submit-answer.ts";

test.each([null, "duplicate"])("%j means that the node has the block", (result) => {
  assert.deepEqual(readSubmitResult(result), { kind: "accepted" });
});

test.each(["inconclusive", "duplicate-inconclusive", "prev-blk-not-found", "time-too-new"])(
  "%j is no final answer",
  (result) => {
    assert.deepEqual(readSubmitResult(result), { kind: "unknown", reason: result });
  },
);

test.each(["duplicate-invalid", "bad-txnmrklroot", "bad-cb-amount", "high-hash", "rejected", "time-too-old"])(
  "%j is a refusal with its reason",
  (result) => {
    assert.deepEqual(readSubmitResult(result), { kind: "refused", reason: result });
  },
);

test.each([[{}], [7], [undefined]])("an answer of an unknown form (%j) is no final answer", (result) => {
  assert.equal(readSubmitResult(result).kind, "unknown");
});

test.each([
  "timeout",
  "refused",
  "disconnected",
  "http-error",
  "unauthorized",
  "warming-up",
  "malformed",
] as const)("a call that fails with %s says nothing about the block", (fault) => {
  assert.deepEqual(readSubmitFailure(new NodeError(fault, "x")), { kind: "unknown", reason: fault });
});

test("a block that the node cannot decode is refused", () => {
  const error = new NodeError("rpc-error", "Block decode failed", { rpcCode: -22 });
  assert.deepEqual(readSubmitFailure(error), { kind: "refused", reason: "block-decode-failed" });
});
