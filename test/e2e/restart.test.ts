/**
 * Shares for jobs from before a restart, judged as a worker of the next run does, from what the killed pool left on disk:
 * each counts, and none twice.
 */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { versionRollingMask } from "../../src/bitcoin/header.ts";
import { systemClock } from "../../src/clock.ts";
import { loadConfig } from "../../src/config/index.ts";
import type { JobData } from "../../src/jobs/job.ts";

import { openKeptJobs } from "../../src/jobs/kept-jobs.ts";
import { createLiveJobs, type LiveJobs } from "../../src/jobs/live-jobs.ts";
import { recoverJournal } from "../../src/journal/index.ts";
import { createFoundBlocks } from "../../src/pool/found-blocks.ts";
import { originOfJobs } from "../../src/pool/job-origin.ts";
import { foldersOf, journalNode } from "../../src/pool/settings.ts";
import { decodeJobId } from "../../src/protocol/v1/job-id.ts";
import { createShares } from "../../src/shares/accept-shares.ts";
import { seenBefore } from "../../src/shares/seen-before.ts";
import { hasTransactionsFile, readTransactionsFileSync } from "../../src/template/transactions-file.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fillMempool, fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { addon } from "../support/journal.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { silentLog } from "../support/silent-log.ts";
import { type MadeShare, V1Client, type V1Job } from "../support/v1-client.ts";

const difficulty = 1e-9;

let node: Bitcoind;
let pool: TestPool;
let user: string;

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  await fillMempool(node, { segwit: 3, taproot: 2 });
  user = `${await newAddress(node)}.rig`;
  pool = await startPool({ nodes: [node], address: await newAddress(node), difficulty });
});

afterAll(async () => {
  await pool?.dispose();
  await node?.stop();
});

/** What the next worker of the stopped pool would know and say. */
interface NextWorker {
  readonly jobs: LiveJobs;
  /** Blocks that were made whole. */
  readonly blocks: readonly Uint8Array[];
  /** undefined: accepted. */
  judge(share: MadeShare, extranonce1: string): string | undefined;
}

async function nextWorker(): Promise<NextWorker> {
  const config = await loadConfig(pool.configFile, {});
  const folders = foldersOf(config);
  const name = journalNode(config.pool.frontEnd, 1);
  const directory = join(folders.journal, name);
  const committed = await recoverJournal({ directory, addon, log: silentLog });
  const kept = openKeptJobs({
    directory: folders.jobs,
    origin: originOfJobs(config),
    clock: systemClock,
    maxJobs: 128,
    maxAgeMs: 600_000,
    canComplete: ({ templateId, transactionCount }) =>
      transactionCount === 0 || hasTransactionsFile(folders.templates, templateId),
    onTrouble: (error) => expect.fail(String(error)),
  });
  const before = await seenBefore({
    jobs: kept.forNode(name),
    directory,
    committed: committed!,
    addon,
    maxSeen: 100_000,
    maxBytes: 2 ** 30,
    log: silentLog,
  });
  const { seen } = before;
  const jobs = createLiveJobs({
    addon,
    maxJobs: 128,
    onTipsDropped: (oldest) => seen.forgetBefore(oldest),
  });
  jobs.restore(before.jobs);
  const blocks: Uint8Array[] = [];
  const shares = createShares({
    addon,
    seen,
    clock: systemClock,
    append: (_, done) => done(true),
    storeBlock: createFoundBlocks({
      readTransactions: (templateId) => readTransactionsFileSync(folders.templates, templateId).data,
      store: () => "stored",
      send: ({ bytes }) => blocks.push(bytes),
      log: silentLog,
    }),
    terms: { feeMillionths: 0, windowThousandths: 1_000 },
    ntimeAheadSeconds: 7_000,
    counters: { received() {}, answered() {}, accepted() {}, windowFull() {} },
  });
  return {
    jobs,
    blocks,
    judge({ params: [jobId, extranonce2, ntime, nonce], target }, extranonce1) {
      const job = jobs.get(decodeJobId(jobId)!.number);
      if (job === undefined) return "job-not-found";
      let outcome: string | undefined = "not answered";
      shares.submit(
        {
          ...{ protocol: "v1", job, target, versionMask: versionRollingMask },
          ...{ version: { kind: "bits", bits: 0 }, ntimeMin: 0 },
          extranonce1: Number.parseInt(extranonce1, 16),
          extranonce2: Buffer.from(extranonce2, "hex"),
          ntime: Number.parseInt(ntime, 16),
          nonce: Number.parseInt(nonce, 16),
          ...{ stale: false, refusal: undefined, account: "account", worker: "rig", scheme: "pplns" },
        },
        (refusal) => {
          outcome = refusal;
        },
      );
      return outcome;
    },
  };
}

interface MinedBefore {
  readonly extranonce1: string;
  readonly job: V1Job;
  readonly acknowledged: readonly MadeShare[];
  readonly fresh: readonly MadeShare[];
  readonly client: V1Client;
}

/** Shares that were acknowledged, natively too, and others for the same job that were not sent. */
async function mine(): Promise<MinedBefore> {
  const client = await V1Client.start(pool.stratumPort, user);
  const { job, extranonce1 } = client;
  const acknowledged = Array.from({ length: 40 }, () => client.makeShare(job));
  for (const share of acknowledged) expect(await client.submit(share)).toMatchObject({ result: true });
  return {
    ...{ client, extranonce1, job, acknowledged },
    fresh: Array.from({ length: 5 }, () => client.makeShare(job)),
  };
}

function expectEachOnce(worker: NextWorker, { acknowledged, fresh, extranonce1 }: MinedBefore): void {
  for (const share of acknowledged) expect(worker.judge(share, extranonce1)).toBe("duplicate");
  for (const share of fresh) expect(worker.judge(share, extranonce1)).toBeUndefined();
  for (const share of fresh) expect(worker.judge(share, extranonce1)).toBe("duplicate");
}

test("whatever ends a run, shares that it acknowledged are duplicates in the next and late ones count", {
  timeout: 120_000,
}, async () => {
  const first = await mine();
  await pool.kill("everything");
  expectEachOnce(await nextWorker(), first);

  await pool.start();
  const second = await mine();
  await pool.stop();
  const worker = await nextWorker();
  expectEachOnce(worker, first);
  expectEachOnce(worker, second);
  const [old, newer] = [first, second].map(
    ({ job }) => worker.jobs.get(decodeJobId(job.id)!.number)!.data,
  ) as [JobData, JobData];
  expect(newer.number).toBeGreaterThan(old.number);
  expect(newer).toMatchObject({ tipNumber: old.tipNumber, clean: false });

  // The next run's own worker has found the same.
  await pool.start();
  expect(lineWith("old-jobs-known")).toMatchObject({ dropped: 0, shares: 80 });
  await pool.kill("worker");
  await until(async () => (await pool.metric("penstock_worker_restarts_total")) === 1, {
    timeoutMs: 10_000,
    what: "the worker to be replaced",
  });
  await pool.ready();
  const third = await mine();
  await pool.stop();
  const last = await nextWorker();
  for (const mined of [first, second, third]) expectEachOnce(last, mined);
});

test("a block that a job from before the restart solves is whole, and the node takes it", {
  timeout: 120_000,
}, async () => {
  await pool.start();
  const client = await V1Client.start(pool.stratumPort, user);
  await client.until(() => client.job.branch.length > 0);
  await pool.kill("everything");
  const { jobs, blocks, judge } = await nextWorker();
  const { data } = jobs.get(decodeJobId(client.job.id)!.number)!;
  expect(data.transactionCount).toBe(5);
  // A little above the network's: some five million hashes.
  client.difficulty = 0.0013;
  expect(judge(client.makeShare(), client.extranonce1)).toBeUndefined();
  expect(blocks).toHaveLength(1);
  const height = await node.call<number>("getblockcount");
  expect(await node.call("submitblock", [Buffer.from(blocks[0]!).toString("hex")])).toBe(null);
  expect(await node.call("getblockcount")).toBe(height + 1);

  await pool.start();
  const next = await V1Client.start(pool.stratumPort, user);
  next.close();
  await pool.stop();
  const after = await nextWorker();
  expect(after.jobs.get(decodeJobId(next.job.id)!.number)!.data).toMatchObject({
    tipNumber: data.tipNumber + 1,
    clean: true,
  });
  await pool.start();
});

function lineWith(event: string): unknown {
  const line = pool.running.lines.findLast((text) => text.includes(`"${event}"`));
  return line === undefined ? undefined : JSON.parse(line);
}
