import assert from "node:assert/strict";
import { afterEach, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { PoolError } from "../../src/errors.ts";
import { type NewTip, Nodes, type NodesOptions, type TipSource, WatchedNode } from "../../src/node/index.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { until, within } from "../support/deadline.ts";
import { recordingLog } from "../unit/node/recording-log.ts";

const address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const hourMs = 3_600_000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function aNode(connectTo: Bitcoind[] = []): Promise<Bitcoind> {
  const node = await startBitcoind({ chain: "regtest", connectTo });
  closing.push(() => node.stop());
  return node;
}

async function mine(node: Bitcoind, blocks = 1): Promise<string> {
  const hashes = await node.call<string[]>("generatetoaddress", [blocks, address]);
  return hashes.at(-1)!;
}

/** Two nodes that know each other, on the same block. */
async function twoNodes(): Promise<[Bitcoind, Bitcoind]> {
  const first = await aNode();
  const second = await aNode([first]);
  const tip = await mine(first);
  await until(async () => (await second.call("getbestblockhash")) === tip, {
    timeoutMs: 20_000,
    what: "both at one tip",
  });
  return [first, second];
}

async function follow(nodes: Bitcoind[], options: Partial<NodesOptions> = {}) {
  const { log, events } = recordingLog();
  const set = new Nodes({
    chain: "regtest",
    log,
    nodes: nodes.map(({ rpcUrl, cookieFile, zmq }) => ({ rpc: rpcUrl, cookieFile, zmq })),
    returnAfterMs: 300,
    ...options,
  });
  closing.push(() => set.close());
  const tips: NewTip[] = [];
  set.on("tip", (tip) => tips.push(tip));
  const inUse = (node: Bitcoind) => set.selected?.name === `127.0.0.1:${node.rpcPort}`;
  return { set, tips, events, inUse };
}

function tipSeen(set: { readonly tip: { readonly displayHash: string } | undefined }, hash: string) {
  return until(() => set.tip?.displayHash === hash, { timeoutMs: 5_000, what: `tip ${hash}`, intervalMs: 2 });
}

/** One node with its ways to hear of blocks cut down. */
async function watchAlone(node: Bitcoind, { zmq, pollMs }: { zmq: boolean; pollMs: number }) {
  const sources: TipSource[] = [];
  const watched = new WatchedNode(
    { rpc: node.rpcUrl, cookieFile: node.cookieFile, zmq: zmq ? node.zmq : undefined },
    {
      chain: "regtest",
      pollMs,
      healthMs: hourMs,
      probeMs: hourMs,
      slowMs: hourMs,
      log: recordingLog().log,
      clock: systemClock,
      onChange: (source) => sources.push(source),
    },
  );
  closing.push(() => watched.close());
  await until(() => watched.usable, { timeoutMs: 5_000, what: "a usable node" });
  return { watched, sources };
}

test("ZMQ alone tells of new tips", async () => {
  const node = await aNode();
  await mine(node); // bitcoind publishes nothing while it holds itself to be in its initial download
  const { watched, sources } = await watchAlone(node, { zmq: true, pollMs: hourMs });
  // The subscription is there once a block was heard of.
  await until(async () => mine(node).then(() => sources.includes("zmq")), { timeoutMs: 10_000, what: "ZMQ" });
  for (let i = 0; i < 3; i++) await tipSeen(watched, await mine(node));
});

test("polling alone tells of new tips", async () => {
  const node = await aNode();
  const { watched, sources } = await watchAlone(node, { zmq: false, pollMs: 50 });
  for (let i = 0; i < 3; i++) await tipSeen(watched, await mine(node));
  assert.deepEqual(new Set(sources), new Set(["poll"]));
});

test("the long poll alone tells of new tips", async () => {
  const node = await aNode();
  const nodes = [{ rpc: node.rpcUrl, cookieFile: node.cookieFile }];
  const { set, tips } = await follow([], { nodes, pollMs: hourMs, healthMs: hourMs });
  let templates = 0;
  set.on("template", () => {
    templates++;
  });
  await set.ready(5_000);
  await until(() => templates === 1, { timeoutMs: 5_000, what: "the long poll to begin" });
  for (let i = 0; i < 3; i++) await tipSeen(set, await mine(node));
  assert.deepEqual(
    tips.map(({ source }) => source),
    ["poll", "longpoll", "longpoll", "longpoll"], // the first tip is what the node had at the start
  );
});

test("a tip that all sources tell of is told once, quickly", async () => {
  const node = await aNode();
  await mine(node);
  const { set, tips } = await follow([node], { pollMs: 20 });
  await set.ready(5_000);
  const hashes: string[] = [];
  for (let i = 0; i < 10; i++) {
    hashes.push(await mine(node));
    await tipSeen(set, hashes.at(-1)!);
  }
  assert.deepEqual(
    tips.slice(1).map(({ tip }) => tip.displayHash),
    hashes,
  );
});

test("a killed and restarted node, with its new cookie, is used again", async () => {
  const node = await aNode();
  await mine(node);
  await node.restart(); // its block is on the disk
  const { set, events } = await follow([node]);
  await set.ready(5_000);
  await node.kill();
  await until(() => set.selected === undefined, {
    timeoutMs: 2_000,
    what: "the loss to be seen",
    intervalMs: 2,
  });
  assert.equal(events("node-none-usable").length, 1);
  await assert.rejects(
    set.call("uptime"),
    (error) => error instanceof PoolError && error.code === "NODE_NONE_USABLE",
  );
  await node.restart();
  await until(() => set.selected, { timeoutMs: 10_000, what: "the node to be back" });
  await tipSeen(set, await mine(node));
  assert.ok(Number.isInteger(await set.call("uptime")));
});

test.each(["kill", "hang"] as const)(
  "when the preferred node is gone (%s) the other takes over within a second, and back",
  async (how) => {
    const [first, second] = await twoNodes();
    const { set, inUse } = await follow([first, second]);
    await set.ready(5_000);
    await until(() => inUse(first), { timeoutMs: 5_000, what: "the preferred node" });

    const startMs = performance.now();
    if (how === "kill") void first.kill();
    else first.hang();
    await until(() => inUse(second), { timeoutMs: 5_000, what: "the other node", intervalMs: 2 });
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 1_000, `failover took ${tookMs} ms`);
    // It serves whatever is asked for, templates among it.
    const { answer } = await set.getBlockTemplate();
    assert.equal((answer as { height: number }).height, 2);
    await tipSeen(set, await mine(second));

    if (how === "kill") await first.restart();
    else first.resume();
    await second.call("addnode", [`127.0.0.1:${first.p2pPort}`, "onetry"]);
    await until(() => inUse(first), { timeoutMs: 20_000, what: "the return to the preferred node" });
    assert.equal(set.tip?.height, 2);
  },
);

test("a call in flight when its node dies is answered by the next one", async () => {
  const [first, second] = await twoNodes();
  const { set, inUse } = await follow([first, second], { pollMs: hourMs, healthMs: hourMs, slowMs: hourMs });
  await set.ready(5_000);
  await until(() => set.all.every(({ usable }) => usable), { timeoutMs: 5_000, what: "both nodes" });
  const used = inUse(first) ? first : second;
  used.hang();
  const call = within(1_000, "an answer", set.getBlockTemplate());
  void used.kill();
  const { node } = await call;
  assert.notEqual(node, `127.0.0.1:${used.rpcPort}`);
});

test("a node that lost its last block in a crash is used all the same when there is no other", async () => {
  const node = await aNode();
  const { set } = await follow([node], { behindAfterMs: 500 });
  await set.ready(5_000);
  await tipSeen(set, await mine(node, 3));
  await node.kill(); // what it has not flushed is gone
  await node.restart();
  const tip = await node.call<string>("getbestblockhash");
  await until(() => set.selected && set.tip?.displayHash === tip, {
    timeoutMs: 20_000,
    what: "the older tip",
  });
});

test("a node that falls behind is not used, until it has caught up", async () => {
  const [first, second] = await twoNodes();
  const { set, inUse } = await follow([first, second]);
  await set.ready(5_000);
  await until(() => inUse(first), { timeoutMs: 5_000, what: "the preferred node" });
  await first.call("setnetworkactive", [false]);
  const tip = await mine(second);
  await tipSeen(set, tip);
  assert.ok(inUse(second));
  await first.call("setnetworkactive", [true]);
  await second.call("addnode", [`127.0.0.1:${first.p2pPort}`, "onetry"]);
  await until(() => inUse(first), { timeoutMs: 20_000, what: "the return to the preferred node" });
  assert.equal(set.tip?.displayHash, tip);
});

test("a chain that goes back is followed back", async () => {
  const node = await aNode();
  await mine(node, 3);
  const { set } = await follow([node]);
  await set.ready(5_000);
  const old = await node.call<string>("getbestblockhash");
  const lower = await node.call<string>("getblockhash", [1]);
  await node.call("invalidateblock", [await node.call("getblockhash", [2])]);
  await tipSeen(set, lower);
  await node.call("reconsiderblock", [old]);
  await tipSeen(set, old);
});

test("a node of another chain is refused by name, at once", async () => {
  const node = await aNode();
  const { set, events } = await follow([node], { chain: "signet" });
  await assert.rejects(set.ready(20_000), (error) => {
    assert(error instanceof PoolError);
    assert.equal(error.code, "NODE_WRONG_CHAIN");
    assert.match(error.hint, /chain/);
    return true;
  });
  assert.equal(events("node-state").length, 1);
});

test("without any node, waiting for one ends with what is wrong with each", async () => {
  const node = await aNode();
  const { set } = await follow([node], { nodes: [{ rpc: node.rpcUrl, user: "pool", password: "wrong" }] });
  await assert.rejects(set.ready(1_000), (error) => {
    assert(error instanceof PoolError);
    assert.equal(error.code, "NODE_NONE_USABLE");
    assert.match(error.message, /unauthorized/);
    return true;
  });
});
