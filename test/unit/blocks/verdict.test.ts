import assert from "node:assert/strict";
import { test } from "vitest";
import { verdictOf } from "../../../src/blocks/submit.ts";

const accepted = { kind: "accepted" } as const;
const unknown = { kind: "unknown", reason: "timeout" } as const;
const refused = { kind: "refused", reason: "bad-cb-amount" } as const;

test("without an answer the verdict is pending", () => {
  assert.deepEqual(verdictOf([], 2), { kind: "pending" });
});

test("one node that took it, or may have, is enough", () => {
  assert.deepEqual(verdictOf([accepted], 3), { kind: "submitted" });
  assert.deepEqual(verdictOf([refused, unknown], 2), { kind: "submitted" });
  assert.deepEqual(verdictOf([refused, accepted], 2), { kind: "submitted" });
});

test("it is refused only when every node has refused it", () => {
  assert.deepEqual(verdictOf([refused], 2), { kind: "pending" });
  assert.deepEqual(verdictOf([refused, refused], 2), {
    kind: "refused",
    reason: "bad-cb-amount, bad-cb-amount",
  });
});
