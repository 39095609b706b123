import assert from "node:assert/strict";
import { test } from "vitest";
import { type Candidate, type Selection, selectNode } from "../../../src/node/select.ts";

const rules = { nowMs: 100_000, returnAfterMs: 3_000, behindAfterMs: 10_000 };
const none: Selection = { current: undefined, chainWork: 0n, lostMs: 0 };

function aNode(changes: Partial<Candidate> = {}): Candidate {
  return { usable: true, slow: false, usableSinceMs: 0, chainWork: 100n, ...changes };
}

function using(current: number, chainWork = 100n): Selection {
  return { current, chainWork, lostMs: undefined };
}

test("the first of equal nodes is used", () => {
  assert.equal(selectNode([aNode(), aNode()], none, rules), 0);
});

test("when the node in use fails, the next is used at once", () => {
  assert.equal(selectNode([aNode({ usable: false }), aNode()], using(0), rules), 1);
});

test("no usable node, no selection", () => {
  assert.equal(selectNode([aNode({ usable: false })], using(0), rules), undefined);
});

test("the preferred node is used again once it has been well for a while", () => {
  const nodes = (since: number) => [aNode({ usableSinceMs: since }), aNode()];
  assert.equal(selectNode(nodes(rules.nowMs - 2_999), using(1), rules), 1);
  assert.equal(selectNode(nodes(rules.nowMs - 3_000), using(1), rules), 0);
});

test("a node that is behind is not used, be it the preferred one", () => {
  assert.equal(selectNode([aNode({ chainWork: 99n }), aNode()], using(0), rules), 1);
  assert.equal(selectNode([aNode({ chainWork: 99n }), aNode()], using(1), rules), 1);
});

test("a slow node is passed over while another is as far and quick", () => {
  assert.equal(selectNode([aNode({ slow: true }), aNode()], using(0), rules), 1);
  assert.equal(selectNode([aNode({ slow: true }), aNode({ chainWork: 99n })], using(0), rules), 0);
  assert.equal(selectNode([aNode({ slow: true }), aNode({ usable: false })], using(0), rules), 0);
});

test("miners are not sent back to an older block because the node that knew the newer one is gone", () => {
  const nodes = [aNode({ usable: false }), aNode({ chainWork: 99n })];
  assert.equal(selectNode(nodes, using(0), rules), undefined);
  const waiting: Selection = { current: undefined, chainWork: 100n, lostMs: rules.nowMs - 9_999 };
  assert.equal(selectNode(nodes, waiting, rules), undefined);
});

test("after a while without any node, one that is behind is better than none", () => {
  const waiting: Selection = { current: undefined, chainWork: 100n, lostMs: rules.nowMs - 10_000 };
  assert.equal(selectNode([aNode({ usable: false }), aNode({ chainWork: 99n })], waiting, rules), 1);
});

test("the node in use may go back itself: its chain was reorganised", () => {
  assert.equal(selectNode([aNode({ chainWork: 90n })], using(0, 100n), rules), 0);
});
