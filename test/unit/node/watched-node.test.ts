import assert from "node:assert/strict";
import { afterEach, test } from "vitest";
import type { Chain } from "../../../src/bitcoin/address.ts";
import { systemClock } from "../../../src/clock.ts";
import type { NodeFault } from "../../../src/node/errors.ts";
import { type NodeState, WatchedNode } from "../../../src/node/watched-node.ts";
import { until } from "../../support/deadline.ts";
import {
  type FakeNode,
  healthy,
  type Script,
  sendError,
  sendResult,
  sendText,
  startFakeNode,
} from "./fake-node.ts";
import { recordingLog } from "./recording-log.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function watch(script: Script, chain: Chain = "mainnet") {
  const fake = await startFakeNode(script);
  const { log, events } = recordingLog();
  const states: NodeState[] = [];
  const faults: NodeFault[] = [];
  const node = new WatchedNode(
    { rpc: fake.url, user: "pool", password: "secret", timeoutMs: 200 },
    {
      chain,
      pollMs: 10,
      healthMs: 20,
      probeMs: 10,
      slowMs: 50,
      log,
      clock: systemClock,
      onChange: () => {},
      metrics: {
        state: (_, state) => states.push(state),
        fault: (_, fault) => faults.push(fault),
        height: () => {},
        callSeconds: () => {},
        zmqMissed: () => {},
      },
    },
  );
  closing.push(fake.close, () => node.close());
  return { fake, node, states, faults, events };
}

function reach(node: WatchedNode, state: NodeState) {
  return until(() => node.state === state, { timeoutMs: 5_000, what: `state ${state}`, intervalMs: 5 });
}

/** So many more calls have been answered: time enough for anything that would be logged twice. */
async function goOn(fake: FakeNode, calls = 10): Promise<void> {
  const start = fake.calls.length;
  await until(() => fake.calls.length >= start + calls, {
    timeoutMs: 5_000,
    what: "more calls",
    intervalMs: 5,
  });
}

test.each<[string, NodeState, Script]>([
  ["warms up", "warming-up", (_, response) => sendError(response, -28, "Loading block index…")],
  ["refuses the login", "unauthorized", (_, response) => sendText(response, 401, "")],
  ["answers with HTTP 500", "http-error", (_, response) => sendText(response, 500, "")],
  ["answers rubbish", "malformed", (_, response) => sendResult(response, { chain: 7 })],
  ["hangs", "timeout", () => {}],
  ["is on another chain", "wrong-chain", healthy({ info: { chain: "test" } })],
  ["is in its initial download", "initial-download", healthy({ info: { initialblockdownload: true } })],
  ["has no peers", "no-peers", healthy({ network: { connections: 0 } })],
  ["gives a malformed header", "malformed", healthy({ header: { bits: "xyz" } })],
])("a node that %s is in state %s, logged once, and back when it is well", async (_, state, script) => {
  const { fake, node, states, events } = await watch(script);
  await reach(node, state);
  assert.equal(node.usable, false);
  await goOn(fake, state === "timeout" ? 2 : 10);
  const logged = events("node-state");
  assert.equal(logged.length, 1);
  assert.equal(logged[0]?.["state"], state);
  assert.equal(logged[0]?.["code"], `NODE_${state.toUpperCase().replaceAll("-", "_")}`);
  fake.answer(healthy());
  await reach(node, "healthy");
  await goOn(fake);
  assert.ok(node.usable);
  assert.deepEqual(states, ["starting", state, "healthy"]);
  assert.equal(events("node-state").length, 2);
});

test("a private chain stands still without peers and with an old tip, and that is no fault", async () => {
  const info = { chain: "regtest", initialblockdownload: true };
  const { node } = await watch(healthy({ info, network: { connections: 0 } }), "regtest");
  await reach(node, "healthy");
});

test("a private node that still lacks blocks whose headers it has is downloading", async () => {
  const info = { chain: "regtest", initialblockdownload: true, blocks: 10, headers: 20 };
  const { node } = await watch(healthy({ info }), "regtest");
  await reach(node, "initial-download");
});

test("a fault of any call counts at once", async () => {
  const { fake, node, faults } = await watch(healthy());
  await reach(node, "healthy");
  fake.answer((_, response) => sendText(response, 503, "Work queue depth exceeded"));
  await assert.rejects(node.call("getmempoolinfo"));
  assert.equal(node.state, "http-error");
  assert.deepEqual(new Set(faults), new Set(["http-error"]));
});

test("an RPC error is an answer: the node stays healthy", async () => {
  const { fake, node, faults } = await watch(healthy());
  await reach(node, "healthy");
  const well = healthy();
  fake.answer((method, response, ...rest) =>
    method === "getblock" ? sendError(response, -5, "Block not found") : well(method, response, ...rest),
  );
  await assert.rejects(node.call("getblock"));
  assert.equal(node.state, "healthy");
  assert.deepEqual(faults, ["rpc-error"]);
});

test("a node that is slow to answer says so, and stays usable", async () => {
  const well = healthy();
  const { fake, node } = await watch(well);
  await reach(node, "healthy");
  fake.answer((method, response, ...rest) => setTimeout(() => well(method, response, ...rest), 100));
  await until(() => node.slow, { timeoutMs: 5_000, what: "slowness", intervalMs: 5 });
  assert.ok(node.usable);
  fake.answer(well);
  await until(() => !node.slow, { timeoutMs: 5_000, what: "the end of slowness", intervalMs: 5 });
});

test("a header that is not the tip's is not believed, whoever tells of it", async () => {
  const { fake, node } = await watch(healthy());
  await reach(node, "healthy");
  const tip = node.tip?.displayHash;
  const well = healthy();
  const other = "ab".repeat(32);
  for (const confirmations of [-1, 2]) {
    const early = healthy({ header: { hash: other, confirmations, height: 900_001 } });
    fake.answer((method, response, ...rest) =>
      (method === "getblockheader" ? early : well)(method, response, ...rest),
    );
    await node.noteTip(other, "zmq");
    assert.equal(node.tip?.displayHash, tip);
  }
});
