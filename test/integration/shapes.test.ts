/**
 * Every shape of coinbase and job, judged by a real node: first as a block without work (BIP 23, proposal mode), then
 * mined and handed in. What is seen here is what the pool makes; nothing of it is put together by the test.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAddress } from "../../src/bitcoin/address.ts";
import { readBlock } from "../../src/bitcoin/block.ts";
import { fromDisplayHash } from "../../src/bitcoin/hash.ts";
import { encodeHeader, versionRollingMask } from "../../src/bitcoin/header.ts";
import { PoolError } from "../../src/errors.ts";
import { buildJob } from "../../src/jobs/build.ts";
import {
  type CoinbaseSpec,
  checkCoinbaseSpec,
  maxCoinbaseBytes,
  maxTagBytes,
} from "../../src/jobs/coinbase.ts";
import type { JobData } from "../../src/jobs/job.ts";
import { prepare } from "../../src/jobs/live-jobs.ts";
import type { RewardSplit } from "../../src/jobs/reward-split.ts";
import { type SoloTerms, soloFeeSats, soloJob } from "../../src/jobs/solo-coinbase.ts";
import { createWideJobs, wideJob } from "../../src/jobs/wide-job.ts";
import { loadAddon } from "../../src/native/index.ts";
import { createFoundBlocks } from "../../src/pool/found-blocks.ts";
import { emptyWorkBlock, proposeJob } from "../../src/pool/proposals.ts";
import { createShares } from "../../src/shares/accept-shares.ts";
import { firstTemplate } from "../../src/template/first-template.ts";
import { parseTemplate } from "../../src/template/parse.ts";
import type { Template } from "../../src/template/template.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fillMempool, fundWallet } from "../support/chain.ts";
import { aClock } from "../support/clock.ts";
import { silentLog } from "../support/silent-log.ts";

const addon = loadAddon();
const wallet = "funds";
const mempool = { legacy: 2, segwit: 2, taproot: 2 };

/** Where the push of the height changes its form: OP_1 to OP_16, then one, two and three bytes with a sign bit. */
const pushBorders = [1, 2, 16, 17, 18, 127, 128, 129, 255, 256, 257];
/** Regtest's subsidy is one satoshi there, and nothing from the next height on. */
const lastSubsidyHeight = 4_949;

const tags = ["", "/", "/Penstock/", "é".repeat(maxTagBytes / 2), "x".repeat(maxTagBytes)];

let regtest: Bitcoind;
let signet: Bitcoind;
/** Mined to 110 blocks; heights are tried on the other regtest node, which begins at the genesis block. */
let funded: Bitcoind;
let payees: Record<Bitcoind["chain"], readonly Uint8Array[]>;
let jobNumber = 0;

beforeAll(async () => {
  [regtest, funded, signet] = await Promise.all([
    startBitcoind({ chain: "regtest" }),
    startBitcoind({ chain: "regtest" }),
    startBitcoind({ chain: "signet" }),
  ]);
  await regtest.call("createwallet", [wallet]);
  for (const node of [funded, signet]) await fundWallet(node);
  payees = { regtest: await payeesOf(regtest), signet: await payeesOf(signet) };
});

afterAll(async () => {
  await Promise.all([regtest?.stop(), funded?.stop(), signet?.stop()]);
});

test("a node takes first and full jobs at each height at which the height's push changes its form", async () => {
  const spec = { tag: "/Penstock/", split: evenSplit(payees.regtest) };
  for (const height of pushBorders) await mineBothAt(regtest, height, spec);
});

test("a node takes jobs whose reward is one satoshi for five payees, and none at all", async () => {
  const spec = { tag: "/Penstock/", split: evenSplit(payees.regtest) };
  expect(await mineBothAt(regtest, lastSubsidyHeight, spec)).toMatchObject({ rewardSats: 1n });
  expect(await mineBothAt(regtest, lastSubsidyHeight + 1, spec)).toMatchObject({ rewardSats: 0n });
});

test("a node takes every split of the reward that fits, over all five kinds of address", async () => {
  await fillMempool(funded, mempool);
  for (const split of splits(payees.regtest)) {
    for (const template of await bothTemplates(funded)) {
      await expectValid(funded, template, { tag: "/Penstock/", split });
    }
  }
  for (const split of splits(payees.regtest)) {
    const [, full] = await bothTemplates(funded);
    await mine(funded, full, { tag: "/Penstock/", split });
  }
});

test("a node takes every tag from none to the longest", async () => {
  for (const tag of tags) {
    const spec = { tag, split: evenSplit(payees.regtest) };
    for (const template of await bothTemplates(funded)) await expectValid(funded, template, spec);
    const [, full] = await bothTemplates(funded);
    await mine(funded, full, spec);
  }
});

test("a node takes full jobs with legacy, SegWit and Taproot transactions, and first ones beside them", async () => {
  await fillMempool(funded, mempool);
  const spec = { tag: "/Penstock/", split: evenSplit(payees.regtest) };
  const [first, full] = await bothTemplates(funded);
  expect([first.transactions.count, full.transactions.count]).toEqual([0, 6]);
  await undoing(funded, () => mine(funded, first, spec));
  await mine(funded, full, spec);
  expect(await funded.call("getrawmempool")).toEqual([]);
});

test("a node takes the shapes of a custom signet, and a block of them", async () => {
  await fillMempool(signet, mempool);
  const [first, full] = await bothTemplates(signet);
  expect([first.transactions.count, full.transactions.count]).toEqual([0, 6]);
  for (const template of [first, full]) {
    for (const split of splits(payees.signet)) await expectValid(signet, template, { tag: "", split });
    for (const tag of tags) await expectValid(signet, template, { tag, split: evenSplit(payees.signet) });
  }
  await mine(signet, full, { tag: "/Penstock/", split: evenSplit(payees.signet) });
});

test("a node takes solo jobs for every kind of address, with the fee to one, to many, or none, on both chains", async () => {
  for (const node of [funded, signet]) {
    await fillMempool(node, mempool);
    const all = payees[node.chain];
    for (const solo of soloTerms(all)) {
      for (const payee of all) {
        for (const template of await bothTemplates(node)) {
          for (const limit of [maxCoinbaseBytes, 0])
            await expectSoloValid(node, template, solo, payee, limit);
        }
      }
    }
  }
});

test("a solo job's block is mined and pays its miner, whatever kind of address that has", async () => {
  const [, shared] = soloTerms(payees.regtest);
  for (const payee of payees.regtest) {
    await fillMempool(funded, mempool);
    const [, full] = await bothTemplates(funded);
    const hash = await submit(funded, full, soloJobOf(full, shared!, payee, maxCoinbaseBytes));
    const block = await funded.call<string>("getblock", [hash, 0]);
    const { outputs } = readBlock(Buffer.from(block, "hex")).coinbase;
    const feeSats = soloFeeSats(full.rewardSats, shared!.feeMillionths);
    expect(outputs[0]).toEqual({ valueSats: full.rewardSats - feeSats, script: Buffer.from(payee) });
  }
});

test("a node takes the wide form of every kind of job, with every tag and address, on both chains", async () => {
  for (const node of [funded, signet]) {
    await fillMempool(node, mempool);
    const all = payees[node.chain];
    const [, shared] = soloTerms(all);
    for (const template of await bothTemplates(node)) {
      for (const tag of tags) {
        const wide = wideJob(jobOf(template, { tag, split: evenSplit(all) }))!;
        expect(await proposedJob(node, template, wide), `tag "${tag}"`).toEqual({ kind: "valid" });
      }
      for (const payee of all) {
        const wide = wideJob(soloJobOf(template, shared!, payee, maxCoinbaseBytes))!;
        expect(await proposedJob(node, template, wide), "solo").toEqual({ kind: "valid" });
      }
    }
  }
});

test("a share of a wide job with 16 bytes of its own and a rolled version is a block that the node takes", async () => {
  await fillMempool(funded, mempool);
  const [, full] = await bothTemplates(funded);
  const [, shared] = soloTerms(payees.regtest);
  const jobs = [
    jobOf(full, { tag: "/Penstock/", split: evenSplit(payees.regtest) }),
    soloJobOf(full, shared!, payees.regtest[0]!, maxCoinbaseBytes),
  ];
  for (const job of jobs) await undoing(funded, () => solveWide(full, job));
});

test("a shape that is wrong is told from one that is right: a satoshi too much, a commitment too little", async () => {
  const [, full] = await bothTemplates(funded);
  const spec = { tag: "", split: evenSplit(payees.regtest) };
  const greedy = { ...full, rewardSats: full.rewardSats + 1n };
  expect(await proposed(funded, greedy, spec)).toEqual({ kind: "refused", reason: "bad-cb-amount" });
  await fillMempool(funded, mempool);
  const [, filled] = await bothTemplates(funded);
  const bare = { ...filled, witnessCommitment: undefined };
  expect(await proposed(funded, bare, spec)).toEqual({ kind: "refused", reason: "unexpected-witness" });
  expect(await proposed(funded, full, spec), "a job on an old tip").toEqual({ kind: "outdated" });
});

/** A block of each kind of job at this height; that of the full one stays. */
async function mineBothAt(node: Bitcoind, height: number, spec: CoinbaseSpec): Promise<Template> {
  const missing = height - 1 - (await node.call<number>("getblockcount"));
  if (missing > 0) await node.call("generatetodescriptor", [missing, "raw(51)#8lvh9jxk"]);
  const [first, full] = await bothTemplates(node);
  expect([first.height, full.height]).toEqual([height, height]);
  const all = payees[node.chain];
  for (const template of [first, full]) {
    for (const solo of soloTerms(all))
      await expectSoloValid(node, template, solo, all[height % all.length]!, maxCoinbaseBytes);
  }
  await undoing(node, () => mine(node, first, spec));
  await mine(node, full, spec);
  return full;
}

/** Of the node's tip: one made without asking for transactions, and the node's own. */
async function bothTemplates(node: Bitcoind): Promise<[Template, Template]> {
  const rules = node.chain === "signet" ? ["segwit", "signet"] : ["segwit"];
  const full = parseTemplate(await node.call("getblocktemplate", [{ rules }]), {
    id: "full",
    receivedMonotonicMs: performance.now(),
  });
  const displayHash = await node.call<string>("getbestblockhash");
  const header = await node.call<{ height: number; mediantime: number; bits: string }>("getblockheader", [
    displayHash,
  ]);
  const first = firstTemplate({
    id: "first",
    chain: node.chain,
    previous: full,
    tip: {
      hash: fromDisplayHash(displayHash),
      displayHash,
      previousHash: new Uint8Array(32),
      height: header.height,
      medianTime: header.mediantime,
      bits: Number.parseInt(header.bits, 16),
      chainWork: 0n,
    },
    nowMonotonicMs: performance.now(),
  });
  return [first!, full];
}

function jobOf(template: Template, spec: CoinbaseSpec) {
  checkCoinbaseSpec(spec);
  const issue = { number: ++jobNumber, tipNumber: 1, clean: true, startTime: template.currentTime };
  return buildJob(template, spec, issue, addon);
}

/** As a solo miner has it, of a template that was checked for such jobs. */
function soloJobOf(template: Template, solo: SoloTerms, payee: Uint8Array, limit: number): JobData {
  return soloJob(jobOf(template, { tag: "/Penstock/", split: solo.split, solo }), payee, solo, limit);
}

/** No fee, one for five payees, and one of the smallest that is paid at all. */
function soloTerms(scripts: readonly Uint8Array[]): SoloTerms[] {
  const split = evenSplit(scripts);
  return [0, 20_000, 1].map((feeMillionths) => ({ feeMillionths, split }));
}

function proposed(node: Bitcoind, template: Template, spec: CoinbaseSpec) {
  return proposedJob(node, template, jobOf(template, spec));
}

function proposedJob(node: Bitcoind, template: Template, job: JobData) {
  const rules = node.chain === "signet" ? ["segwit", "signet"] : ["segwit"];
  return proposeJob(job, template.transactions.data, (data) =>
    node.call("getblocktemplate", [{ mode: "proposal", data, rules }]),
  );
}

async function expectSoloValid(
  node: Bitcoind,
  template: Template,
  solo: SoloTerms,
  payee: Uint8Array,
  limit: number,
): Promise<void> {
  const what = `${template.kind} solo job at height ${template.height}, fee ${solo.feeMillionths}, limit ${limit}`;
  const job = soloJobOf(template, solo, payee, limit);
  expect(await proposedJob(node, template, job), what).toEqual({ kind: "valid" });
}

async function expectValid(node: Bitcoind, template: Template, spec: CoinbaseSpec): Promise<void> {
  expect(await proposed(node, template, spec), describe(template, spec)).toEqual({ kind: "valid" });
}

/** Shows the job, then finds its nonce and hands the block in. @returns the block's hash. */
async function mine(node: Bitcoind, template: Template, spec: CoinbaseSpec): Promise<string> {
  await expectValid(node, template, spec);
  return submit(node, template, jobOf(template, spec), describe(template, spec));
}

/** @returns the block's hash. */
async function submit(node: Bitcoind, template: Template, job: JobData, what = "solo"): Promise<string> {
  const block = emptyWorkBlock(job, template.transactions.data);
  const header = block.subarray(0, 80);
  const nonce = addon.scanNonces(header, template.networkTarget.bytes, 0, 2 ** 28);
  header.writeUInt32LE(nonce, 76);
  expect(await node.call("submitblock", [block.toString("hex")]), what).toBe(null);
  expect(await node.call("getblockcount")).toBe(template.height);
  return await node.call("getbestblockhash");
}

/** As a V2 channel: searches for a block of the job's wide form, and hands in what the pool makes of that share. */
async function solveWide(template: Template, data: JobData): Promise<string> {
  const job = createWideJobs({ addon }).of({ data, prepared: prepare(addon, data) })!;
  const extranonce2 = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
  const root = Buffer.alloc(32);
  addon.jobRoots(job.prepared, Buffer.concat([Buffer.of(1, 2, 3, 4), extranonce2]), root);
  const [version, ntime] = [(data.version ^ 0x1555_4000) >>> 0, data.startTime];
  const { previousHash, bits } = data;
  const header = encodeHeader({ version, previousHash, merkleRoot: root, time: ntime, bits, nonce: 0 });
  const nonce = addon.scanNonces(header, template.networkTarget.bytes, 0, 2 ** 28);

  const blocks: Uint8Array[] = [];
  const shares = createShares({
    addon,
    seen: addon.createSeenWindow(1),
    clock: aClock(ntime * 1_000),
    append: (_, done) => done(true),
    storeBlock: createFoundBlocks({
      readTransactions: () => template.transactions.data,
      store: () => "stored",
      send: ({ bytes }) => blocks.push(bytes),
      log: silentLog,
    }),
    terms: { feeMillionths: 0, windowThousandths: 1_000 },
    ntimeAheadSeconds: 7_000,
    counters: { received() {}, answered() {}, accepted() {}, windowFull() {} },
  });
  const refusals: unknown[] = [];
  shares.submit(
    {
      ...{ job, extranonce1: 0x01020304, extranonce2, ntime, ntimeMin: ntime, nonce },
      ...{ version: { kind: "whole", version }, versionMask: versionRollingMask },
      ...{ target: template.networkTarget, stale: false, refusal: undefined },
      ...{ account: "account", worker: "rig", protocol: "v2", scheme: "pplns" },
    },
    (refusal) => refusals.push(refusal),
  );
  expect(refusals).toEqual([undefined]);
  expect(await funded.call("submitblock", [Buffer.from(blocks[0]!).toString("hex")])).toBe(null);
  expect(await funded.call("getblockcount")).toBe(template.height);
  return await funded.call("getbestblockhash");
}

/** Takes the block that was mined off the chain again. */
async function undoing(node: Bitcoind, mineOne: () => Promise<string>): Promise<void> {
  await node.call("invalidateblock", [await mineOne()]);
}

function describe({ kind, height }: Template, { tag, split }: CoinbaseSpec): string {
  return `${kind} job at height ${height}, tag "${tag}", ${split.length} payees`;
}

/** Output scripts of P2PKH, P2SH, P2WPKH, P2WSH and P2TR. */
async function payeesOf(node: Bitcoind): Promise<Uint8Array[]> {
  const address = (type: string) => node.call<string>("getnewaddress", ["", type], wallet);
  const legacy = await address("legacy");
  const { pubkey } = await node.call<{ pubkey: string }>("getaddressinfo", [legacy], wallet);
  const multisig = await node.call<{ address: string }>("createmultisig", [1, [pubkey], "bech32"]);
  const kinds = [
    legacy,
    await address("p2sh-segwit"),
    await address("bech32"),
    multisig.address,
    await address("bech32m"),
  ];
  return kinds.map((text) => {
    const parsed = parseAddress(text, node.chain);
    if (!parsed.ok) throw new Error(`${text}: ${parsed.sentence}`);
    return parsed.script;
  });
}

function evenSplit(scripts: readonly Uint8Array[]): RewardSplit {
  return scripts.map((script, index) => ({ script, millionths: index === 0 ? "rest" : 12_345 }));
}

/** One payee of each kind alone, then ever more of all kinds in turn, as many as a coinbase holds. */
function splits(scripts: readonly Uint8Array[]): RewardSplit[] {
  const all = scripts.map((script) => evenSplit([script]));
  for (let payees = 2; ; payees += 1) {
    const split = evenSplit(Array.from({ length: payees }, (_, i) => scripts[i % scripts.length]!));
    try {
      checkCoinbaseSpec({ tag: "/Penstock/", split });
    } catch (error) {
      if (!(error instanceof PoolError && error.code === "COINBASE_TOO_LARGE")) throw error;
      return all;
    }
    all.push(split);
  }
}
