import assert from "node:assert/strict";
import { test } from "vitest";
import { nextState, type Observation } from "../../../src/blocks/next-state.ts";
import type { BlockState } from "../../../src/blocks/state.ts";

const states: readonly BlockState[] = ["candidate", "submitted", "immature", "mature", "orphaned"];

function seen(changes: Partial<Observation> = {}): Observation {
  return { height: 100, tipHeight: 100, confirmations: undefined, verdict: undefined, ...changes };
}

const refused = { kind: "refused", reason: "bad-txnmrklroot" } as const;

test.each(states)("from %s: 100 confirmations make it mature, whatever was said before", (state) => {
  assert.deepEqual(nextState(state, seen({ confirmations: 100, verdict: refused })), { state: "mature" });
  assert.deepEqual(nextState(state, seen({ confirmations: 5_000 })), { state: "mature" });
});

test.each(states.filter((state) => state !== "mature"))(
  "from %s: 1 to 99 confirmations make it immature",
  (state) => {
    for (const confirmations of [1, 99]) {
      assert.deepEqual(nextState(state, seen({ confirmations, verdict: refused })), { state: "immature" });
    }
  },
);

test("a mature block stays so when a reorganisation above it takes a confirmation away", () => {
  assert.deepEqual(nextState("mature", seen({ confirmations: 99 })), { state: "mature" });
});

test.each(["immature", "mature"] as const)("%s and replaced by another branch: orphaned", (state) => {
  assert.deepEqual(nextState(state, seen({ confirmations: -1 })), { state: "orphaned", reason: "replaced" });
  assert.deepEqual(nextState(state, seen({ confirmations: -1, tipHeight: 90 })).state, "orphaned");
  assert.deepEqual(nextState(state, seen({ tipHeight: 100 })).state, "orphaned");
});

test.each(["immature", "mature"] as const)(
  "%s: a node below its height that never heard of it cannot tell",
  (state) => {
    assert.deepEqual(nextState(state, seen({ tipHeight: 99 })), { state });
  },
);

test.each(["candidate", "submitted"] as const)(
  "%s and refused by every node: orphaned with their reason",
  (state) => {
    assert.deepEqual(nextState(state, seen({ verdict: refused })), {
      state: "orphaned",
      reason: "bad-txnmrklroot",
    });
  },
);

test("a candidate that a node took is submitted, also one that it is still connecting", () => {
  assert.deepEqual(nextState("candidate", seen({ verdict: { kind: "submitted" } })), { state: "submitted" });
  assert.deepEqual(nextState("candidate", seen({ confirmations: -1, tipHeight: 99 })), {
    state: "submitted",
  });
});

test("a submitted block whose height another block has is orphaned", () => {
  const observation = seen({ confirmations: -1, verdict: { kind: "submitted" } });
  assert.deepEqual(nextState("submitted", observation), { state: "orphaned", reason: "replaced" });
});

test("without news a block stays what it is, until it is a hundred blocks deep", () => {
  for (const state of ["candidate", "submitted"] as const) {
    assert.deepEqual(nextState(state, seen({ tipHeight: 199 })), { state });
    assert.deepEqual(nextState(state, seen({ tipHeight: 200 })), { state: "orphaned", reason: "superseded" });
  }
});

test("an orphaned block stays orphaned while the chain is without it", () => {
  for (const confirmations of [undefined, -1]) {
    assert.deepEqual(nextState("orphaned", seen({ confirmations, tipHeight: 99 })), { state: "orphaned" });
  }
});
