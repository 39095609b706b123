import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { afterEach, test } from "vitest";
import { displayHash, fromDisplayHash, sha256d } from "../../src/bitcoin/hash.ts";
import {
  type BlockLedger,
  type BlockState,
  createSubmitter,
  openCandidateStore,
  type SubmittedBlock,
  trackBlocks,
} from "../../src/blocks/index.ts";
import { Nodes } from "../../src/node/index.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { until } from "../support/deadline.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { recordingLog } from "../unit/node/recording-log.ts";

const address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function aNode(connectTo: Bitcoind[] = []): Promise<Bitcoind> {
  const node = await startBitcoind({ chain: "regtest", connectTo });
  closing.push(() => node.stop());
  return node;
}

interface Found {
  readonly hash: Buffer;
  readonly bytes: Buffer;
  readonly height: number;
}

/** A block on the node's tip that the node has not seen; `spoil` changes it before it is mined. */
async function findBlock(node: Bitcoind, spoil: (bytes: Buffer) => void = () => {}): Promise<Found> {
  const height = (await node.call<number>("getblockcount")) + 1;
  const { hex } = await node.call<{ hex: string }>("generateblock", [address, [], false]);
  const bytes = Buffer.from(hex, "hex");
  spoil(bytes);
  const header = bytes.subarray(0, 80);
  // regtest's target: the highest bit of the hash is zero.
  while (sha256d(header)[31]! >= 0x7f) header.writeUInt32LE(header.readUInt32LE(76) + 1, 76);
  return { hash: sha256d(header), bytes, height };
}

/** Keeps what the real ledger keeps, and can be out of reach as that can. */
function aLedger() {
  const states = new Map<string, { height: number; state: BlockState; reason?: string | undefined }>();
  const history: string[] = [];
  let down = false;
  const ledger: BlockLedger = {
    async followedBlocks(fromHeight) {
      if (down) throw new Error("connection refused");
      return [...states]
        .map(([hash, { height, state }]) => ({ hash: fromDisplayHash(hash), height, state }))
        .filter(({ height }) => height >= fromHeight)
        .sort((a, b) => b.height - a.height);
    },
    async setBlockState(hash, state, { reason }) {
      if (down) throw new Error("connection refused");
      const known = states.get(displayHash(hash))!;
      states.set(displayHash(hash), { ...known, state, reason });
      history.push(state);
    },
  };
  return {
    ledger,
    history,
    add: ({ hash, height }: Found, state: BlockState = "candidate") =>
      states.set(displayHash(hash), { height, state }),
    state: ({ hash }: Found) => states.get(displayHash(hash))?.state,
    reason: ({ hash }: Found) => states.get(displayHash(hash))?.reason,
    setDown: (now: boolean) => {
      down = now;
    },
  };
}

interface FollowChanges {
  readonly path?: string;
  readonly book?: ReturnType<typeof aLedger>;
}

async function aFolder(): Promise<string> {
  const folder = await temporaryFolder("found");
  closing.push(folder.remove);
  return folder.path;
}

async function follow(bitcoinds: readonly Bitcoind[], changes: FollowChanges = {}) {
  const path = changes.path ?? (await aFolder());
  const book = changes.book ?? aLedger();
  const { log, events } = recordingLog();
  const nodes = new Nodes({
    chain: "regtest",
    log,
    returnAfterMs: 0,
    nodes: bitcoinds.map(({ rpcUrl, cookieFile, zmq }) => ({ rpc: rpcUrl, cookieFile, zmq })),
  });
  const store = openCandidateStore(path);
  const verdicts: SubmittedBlock["verdict"][] = [];
  const submitter = createSubmitter({
    nodes,
    store,
    log,
    onVerdict: ({ verdict }) => {
      verdicts.push(verdict);
      tracker.look();
    },
  });
  const tracker = trackBlocks({ nodes, ledger: book.ledger, submitter, log });
  const close = () => {
    tracker.close();
    submitter.close();
    nodes.close();
  };
  closing.push(close);
  /** What a worker, the journal and the primary do with a found block. */
  const found = (block: Found) => {
    store.store(block.hash, block.bytes);
    book.add(block);
    submitter.submit(block.hash, block.bytes);
  };
  const reach = (block: Found, state: BlockState) =>
    until(() => book.state(block) === state, {
      timeoutMs: 15_000,
      what: `block ${block.height} to be ${state}`,
    });
  const ended = (kind: string) =>
    until(() => verdicts.some((verdict) => verdict.kind === kind), {
      timeoutMs: 15_000,
      what: `verdict ${kind}`,
    });
  await nodes.ready(5_000);
  return { nodes, store, path, submitter, tracker, book, events, verdicts, found, reach, ended, close };
}

async function tipOf(node: Bitcoind): Promise<string> {
  return node.call("getbestblockhash");
}

test("a found block goes to every node, and is immature", async () => {
  const [first, second] = [await aNode(), await aNode()]; // which do not know each other
  const block = await findBlock(first);
  const { found, reach, events } = await follow([first, second]);
  found(block);
  for (const node of [first, second]) {
    await until(async () => (await tipOf(node)) === displayHash(block.hash), {
      timeoutMs: 5_000,
      what: "the block",
    });
  }
  await reach(block, "immature");
  await until(() => events("block-accepted").length === 2, { timeoutMs: 5_000, what: "both answers" });
});

test("the same block again, from a new start, is accepted as a duplicate", async () => {
  const node = await aNode();
  const block = await findBlock(node);
  const before = await follow([node]);
  before.found(block);
  await before.reach(block, "immature");
  before.close();

  const after = await follow([node], { path: before.path });
  after.book.add(block, "submitted");
  after.submitter.resume();
  await after.reach(block, "immature");
  await until(() => after.events("block-accepted").length === 1, { timeoutMs: 5_000, what: "the answer" });
  assert.equal(after.events("block-refused").length, 0);
});

test("an invalid block is refused by name, an alarm, and its file is kept", async () => {
  const node = await aNode();
  const block = await findBlock(node, (bytes) => {
    bytes[36]! ^= 1; // the merkle root
  });
  const { found, reach, ended, book, events, path } = await follow([node]);
  found(block);
  await ended("refused");
  await reach(block, "orphaned");
  assert.equal(book.reason(block), "bad-txnmrklroot");
  assert.equal(events("block-refused")[0]?.["reason"], "bad-txnmrklroot");
  assert.equal(events("block-lost")[0]?.level, "error");
  await node.call("generatetoaddress", [101, address]);
  await until(async () => (await readdir(path)).includes(`${displayHash(block.hash)}.refused`), {
    timeoutMs: 5_000,
    what: "the file to be set aside",
  });
});

test("bytes that are no block are refused", async () => {
  const node = await aNode();
  const { submitter, ended, events } = await follow([node]);
  const bytes = Buffer.alloc(81, 1);
  submitter.submit(sha256d(bytes.subarray(0, 80)), bytes);
  await ended("refused");
  assert.equal(events("block-refused")[0]?.["reason"], "block-decode-failed");
});

test("a block found while the node is down reaches it when it is back", async () => {
  const node = await aNode();
  await node.call("generatetoaddress", [1, address]);
  await node.restart(); // its block is on the disk
  const block = await findBlock(node);
  const { nodes, found, reach, events } = await follow([node]);
  await node.kill();
  await until(() => nodes.selected === undefined, { timeoutMs: 5_000, what: "the loss to be seen" });
  found(block);
  await until(() => events("block-unanswered").length === 1, { timeoutMs: 5_000, what: "the failure" });
  await node.restart();
  await reach(block, "immature");
  assert.equal(await tipOf(node), displayHash(block.hash));
});

test("a block that the node accepted and lost in a crash is sent again", async () => {
  const node = await aNode();
  await node.call("generatetoaddress", [1, address]);
  await node.restart(); // that block is on the disk, the next will not be
  const block = await findBlock(node);
  const { found, reach, book } = await follow([node]);
  found(block);
  await reach(block, "immature");
  await node.kill();
  await node.restart();
  await until(async () => (await tipOf(node)) === displayHash(block.hash), {
    timeoutMs: 5_000,
    what: "the block",
  });
  assert.equal(book.state(block), "immature");
});

test("blocks left on the disk by a crash are submitted at start", async () => {
  const node = await aNode();
  const block = await findBlock(node);
  const path = await aFolder();
  openCandidateStore(path).store(block.hash, block.bytes);
  const { submitter, book, reach } = await follow([node], { path });
  submitter.resume();
  await until(async () => (await tipOf(node)) === displayHash(block.hash), {
    timeoutMs: 5_000,
    what: "the block",
  });
  book.add(block); // the journal was replayed later
  await reach(block, "immature");
});

test("a node without the parent takes the block once it has it", async () => {
  const [first, second] = [await aNode(), await aNode()];
  await first.call("generatetoaddress", [2, address]);
  const block = await findBlock(first);
  const { found, events } = await follow([first, second]);
  found(block);
  await until(() => events("block-unanswered").length === 1, {
    timeoutMs: 5_000,
    what: "the second node's answer",
  });
  assert.equal(events("block-unanswered")[0]?.["reason"], "prev-blk-not-found");
  await second.call("addnode", [`127.0.0.1:${first.p2pPort}`, "onetry"]);
  await until(() => events("block-accepted").length === 2, {
    timeoutMs: 15_000,
    what: "both nodes to have it",
  });
});

test("a reorganisation of three blocks orphans ours, and the way back restores them", async () => {
  const node = await aNode();
  await node.call("generatetoaddress", [2, address]);
  const { found, reach, book } = await follow([node]);
  const blocks: Found[] = [];
  for (let i = 0; i < 3; i++) {
    const block = await findBlock(node);
    found(block);
    await reach(block, "immature");
    blocks.push(block);
  }
  const [ours] = blocks;
  await node.call("invalidateblock", [displayHash(ours!.hash)]);
  const others = await node.call<string[]>("generatetoaddress", [
    4,
    "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
  ]);
  for (const block of blocks) await reach(block, "orphaned");

  await node.call("invalidateblock", [others[0]]);
  await node.call("reconsiderblock", [displayHash(ours!.hash)]);
  for (const block of blocks) await reach(block, "immature");
  await node.call("reconsiderblock", [others[0]]);
  for (const block of blocks) await reach(block, "orphaned");
  assert.equal(book.reason(ours!), "replaced");
});

test("a block is mature at 100 confirmations, not before, and only then its file goes", async () => {
  const node = await aNode();
  const block = await findBlock(node);
  const { found, reach, book, store, nodes } = await follow([node]);
  found(block);
  await reach(block, "immature");
  await node.call("generatetoaddress", [98, address]);
  const at99 = await tipOf(node);
  await until(() => nodes.tip?.displayHash === at99, { timeoutMs: 5_000, what: "99 confirmations" });
  const [last] = await node.call<[string]>("generatetoaddress", [1, address]);
  await reach(block, "mature");
  assert.deepEqual(book.history, ["submitted", "immature", "mature"].slice(-book.history.length));
  assert.equal(book.history.filter((state) => state === "mature").length, 1);
  await until(() => store.list().length === 0, { timeoutMs: 5_000, what: "the file to go" });

  // A reorganisation deeper than maturity takes it away again, and back.
  await node.call("invalidateblock", [displayHash(block.hash)]);
  await reach(block, "orphaned");
  await node.call("reconsiderblock", [displayHash(block.hash)]);
  await until(async () => (await tipOf(node)) === last, { timeoutMs: 10_000, what: "the chain to be back" });
  await reach(block, "mature");
});

test("while the ledger is out of reach nothing is lost: it is caught up with when it is back", async () => {
  const node = await aNode();
  const { found, reach, book, events, nodes } = await follow([node]);
  const early = await findBlock(node);
  found(early);
  await reach(early, "immature");
  book.setDown(true);
  const late = await findBlock(node);
  found(late);
  await node.call("generatetoaddress", [120, address]);
  const tip = await tipOf(node);
  await until(() => nodes.tip?.displayHash === tip, { timeoutMs: 5_000, what: "the tip" });
  await until(() => events("blocks-look-failed").length === 1, {
    timeoutMs: 5_000,
    what: "the failure to be logged",
  });
  assert.equal(book.state(early), "immature");
  book.setDown(false);
  await reach(early, "mature");
  await reach(late, "mature");
  assert.equal(events("blocks-look-failed").length, 1);
});

test("what changed while the pool was down is found at start", async () => {
  const node = await aNode();
  const block = await findBlock(node);
  await node.call("submitblock", [block.bytes.toString("hex")]);
  await node.call("generatetoaddress", [99, address]);
  const book = aLedger();
  book.add(block, "immature");
  const gone = { ...(await findBlock(node)), height: 5 };
  book.add(gone, "mature");
  const { reach } = await follow([node], { book });
  await reach(block, "mature");
  await reach(gone, "orphaned");
});

test("a block that another machine found, and whose record comes late, is followed", async () => {
  const node = await aNode();
  const block = await findBlock(node);
  await node.call("submitblock", [block.bytes.toString("hex")]);
  await node.call("generatetoaddress", [120, address]);
  const { nodes, book, tracker, reach } = await follow([node]);
  const tip = await tipOf(node);
  await until(() => nodes.tip?.displayHash === tip, { timeoutMs: 5_000, what: "the tip" });
  book.add(block);
  tracker.lookAtAll();
  await reach(block, "mature");
});
