import assert from "node:assert/strict";
import { afterEach, test } from "vitest";
import { toHex } from "../../src/bitcoin/bytes.ts";
import { displayHash } from "../../src/bitcoin/hash.ts";
import { Nodes } from "../../src/node/index.ts";
import { type NewTemplate, type Template, Templates } from "../../src/template/index.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { until } from "../support/deadline.ts";
import { healthy, sendResult, startFakeNode } from "../unit/node/fake-node.ts";
import { recordingLog } from "../unit/node/recording-log.ts";
import { anAnswer } from "../unit/template/answer.ts";

const address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function aNode(chain: "regtest" | "signet" = "regtest"): Promise<Bitcoind> {
  const node = await startBitcoind({ chain });
  closing.push(() => node.stop());
  return node;
}

async function followNode(node: Bitcoind, refreshSeconds = 25) {
  const { log, events } = recordingLog();
  const login = { rpc: node.rpcUrl, cookieFile: node.cookieFile, zmq: node.zmq };
  const nodes = new Nodes({ chain: node.chain, log, nodes: [login] });
  const templates = new Templates({ nodes, chain: node.chain, log, refreshSeconds });
  closing.push(
    () => nodes.close(),
    () => templates.close(),
  );
  const seen: NewTemplate[] = [];
  templates.on("template", (template) => seen.push(template));
  const current = async (wanted: (template: Template) => boolean, what: string): Promise<Template> =>
    until(() => [templates.current].find((template) => template && wanted(template)), {
      timeoutMs: 40_000,
      what,
    });
  return { nodes, templates, seen, events, current };
}

const isFull = ({ kind }: Template) => kind === "full";

test("each new tip brings a first template at once and then the full one, which say the same of the chain", async () => {
  const node = await aNode();
  await node.call("generatetoaddress", [1, address]);
  const { seen, current } = await followNode(node);
  await current(isFull, "the first full template");
  assert.deepEqual(
    seen.map(({ template, newTip }) => [template.kind, newTip]),
    [["full", true]],
  );

  for (let height = 2; height <= 6; height++) {
    seen.length = 0;
    const [tip] = await node.call<[string]>("generatetoaddress", [1, address]);
    await current((template) => isFull(template) && template.height === height + 1, "the full template");
    const [first, full, ...others] = seen;
    assert.equal(others.length, 0);
    assert.deepEqual([first?.newTip, full?.newTip], [true, false]);
    assert.deepEqual([first?.template.kind, full?.template.kind], ["first", "full"]);
    assert.equal(displayHash(first!.template.previousHash), tip);
    for (const field of [
      "height",
      "version",
      "bits",
      "minTime",
      "rewardSats",
      "weightLimit",
      "sigopLimit",
    ] as const) {
      assert.equal(first!.template[field], full!.template[field], field);
    }
    assert.equal(toHex(first!.template.previousHash), toHex(full!.template.previousHash));
    assert.equal(toHex(first!.template.witnessCommitment!), toHex(full!.template.witnessCommitment!));
  }
  assert.equal(new Set(seen.map(({ template }) => template.id)).size, seen.length);
});

test("the first template claims the subsidy that the node would, over a halving", async () => {
  const node = await aNode();
  await node.call("generatetoaddress", [148, address]);
  const { seen, current } = await followNode(node);
  await current(isFull, "a full template");
  await node.call("generatetoaddress", [1, address]);
  const full = await current(
    (template) => isFull(template) && template.height === 150,
    "the template of height 150",
  );
  assert.equal(full.rewardSats, 25n * 100_000_000n);
  assert.equal(seen.find(({ template }) => template.kind === "first")?.template.rewardSats, full.rewardSats);
});

test("new transactions bring a fresh full template on the same tip, in the node's order", async () => {
  const node = await aNode();
  await node.call("createwallet", ["w"]);
  const own = await node.call<string>("getnewaddress", [], "w");
  await node.call("generatetoaddress", [102, own]);
  const { seen, current } = await followNode(node, 1);
  await current(isFull, "a full template");
  // The second spends the first.
  const parent = await node.call<string>("sendtoaddress", [own, 49], "w");
  const child = await node
    .call<string>("sendall", [[address]], "w")
    .then((sent) => (sent as { txid?: string }).txid);
  const template = await current(({ transactions }) => transactions.count === 2, "a template with both");
  const txids = [0, 1].map((i) => displayHash(template.transactions.txids.subarray(32 * i, 32 * i + 32)));
  assert.deepEqual(txids, [parent, child]);
  assert.ok(template.rewardSats > 50n * 100_000_000n);
  assert.equal(seen.at(-1)?.newTip, false);
  assert.equal(new Set(seen.map((each) => each.template.id)).size, seen.length);
});

test("on the signet templates carry its commitment, the first ones too", async () => {
  const node = await aNode("signet");
  const { current } = await followNode(node);
  const template = await current(isFull, "a full template");
  assert.equal(template.height, 1);
  assert.ok(template.witnessCommitment);
});

test("a template without news stays fresh; without a node it is kept and ages", async () => {
  const node = await aNode();
  await node.call("generatetoaddress", [1, address]);
  await node.restart(); // its block is on the disk
  const { nodes, templates, seen, current } = await followNode(node, 0.2);
  const template = await current(isFull, "a full template");
  await until(() => templates.current!.receivedMonotonicMs > template.receivedMonotonicMs + 500, {
    timeoutMs: 5_000,
    what: "the same template, fresher",
  });
  assert.equal(templates.current!.id, template.id);
  assert.equal(seen.length, 1);

  await node.kill();
  await until(() => nodes.selected === undefined, { timeoutMs: 5_000, what: "the loss to be seen" });
  await until(() => templates.ageSeconds > 1, { timeoutMs: 5_000, what: "the template to age" });
  assert.equal(templates.current!.id, template.id);
  await node.restart();
  await until(() => templates.ageSeconds < 0.5, { timeoutMs: 15_000, what: "a fresh template" });
  assert.equal(displayHash(templates.current!.previousHash), displayHash(template.previousHash));
});

test("a malformed template is refused once in the log, the last good one kept, and another node asked", async () => {
  const tip = `${"0".repeat(60)}beef`; // the fake nodes' tip
  const wellAnswering = (template: Record<string, unknown>) => {
    const well = healthy();
    return startFakeNode((method, response, request, params) => {
      if (method !== "getblocktemplate") well(method, response, request, params);
      else if (!("longpollid" in (params[0] as object))) sendResult(response, template); // a long poll waits
    });
  };
  const bad = await wellAnswering(anAnswer({ previousblockhash: tip, height: "high" }));
  const good = await wellAnswering(anAnswer({ previousblockhash: tip }));
  closing.push(bad.close, good.close);
  const { log, events } = recordingLog();
  const login = { user: "pool", password: "secret" };
  const nodes = new Nodes({
    chain: "mainnet",
    log,
    returnAfterMs: 0,
    nodes: [
      { rpc: bad.url, ...login },
      { rpc: good.url, ...login },
    ],
  });
  const templates = new Templates({ nodes, chain: "mainnet", log, refreshSeconds: 0.05 });
  closing.push(
    () => nodes.close(),
    () => templates.close(),
  );
  await until(() => templates.current, { timeoutMs: 10_000, what: "the good node's template" });
  await until(() => bad.calls.filter((method) => method === "getblocktemplate").length > 0, {
    timeoutMs: 10_000,
    what: "the bad node to be asked",
  });
  assert.equal(templates.current!.height, 900_001);
  assert.ok(events("template-refused").length <= 1);
});
