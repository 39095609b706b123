/**
 * Miners' programs at work on a real pool: a private signet where a block takes some five million hashes, templates with
 * transactions, vardiff on. What the pool answered is counted by the pool, what a miner understood by the miner.
 */
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { ChannelKind } from "../../src/miner/v2-client.ts";
import { type Reason, reasonNames } from "../../src/protocol/reasons.ts";
import { startBitcoind } from "./bitcoind.ts";
import { fillMempool, fundWallet, newAddress } from "./chain.ts";
import { until } from "./deadline.ts";
import { startPool, type TestPool } from "./pool.ts";
import { launch, type Running } from "./processes.ts";

export interface MinerProgram {
  readonly file: string;
  /** `{url}`, `{url2}` (Stratum V2) and `{user}` stand for the pool's. */
  readonly args: readonly string[];
  /** What it makes of the pool's answers, from its own lines; undefined where it does not say. */
  readonly counts: (lines: readonly string[]) => MinerCounts | undefined;
}

export interface MinerCounts {
  readonly accepted: number;
  readonly refused: number;
}

export interface MiningRun {
  readonly seconds: number;
  /** By the pool. */
  readonly accepted: number;
  /** By the pool; every reason that was given. */
  readonly refused: ReadonlyMap<Reason, number>;
  /** By the miners' own account, all together. */
  readonly said: MinerCounts | undefined;
  readonly blocksFound: number;
  readonly blocksRefused: number;
  /** Blocks of this pool in the node's chain. */
  readonly blocksInChain: number;
  readonly difficultyChanges: number;
  /** Connections that were opened: one for each miner, if none was ever cut off. */
  readonly connections: number;
  readonly malformedLines: number;
  readonly malformedFrames: number;
  /** What they printed, one behind the other. */
  readonly lines: readonly string[];
}

export interface MiningOptions {
  readonly seconds: number;
  readonly onProgress?: (elapsedSeconds: number, accepted: number, blocks: number) => void;
}

/** Far below what any core needs, so that vardiff has something to do; and several shares to a block after it. */
const start = 0.00005;
const sharesPerMinute = 600;
const refillSeconds = 20;
const lookMs = 1000;

/** pooler's cpuminer (`minerd`), and those that descend from it. One thread: the node and the pool want a core, too. */
export function cpuminer(file: string): MinerProgram {
  const args = ["-a", "sha256d", "-t", "1", "-D", "-o", "{url}", "-u", "{user}", "-p", "x"];
  return { file, args, counts: countsOfCpuminer };
}

/** The miner that comes with the pool. @param channel over Stratum V2, if there is one. */
export function ownMiner(channel?: ChannelKind): MinerProgram {
  const program = resolve(import.meta.dirname, "../../bin/penstock.mjs");
  const url = channel === undefined ? ["{url}"] : ["{url2}", "--channel", channel];
  return {
    file: process.execPath,
    args: [program, "miner", "--url", ...url, "--user", "{user}", "--threads", "1", "--json"],
    counts: countsOfOwnMiner,
  };
}

/** Where `minerd` is, if it is on PATH. */
export function minerdOnPath(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, "minerd")).find((path) => existsSync(path));
}

/** All mine at once, for so long; everything that was started has ended after it. */
export async function mineWith(
  programs: readonly MinerProgram[],
  options: MiningOptions,
): Promise<MiningRun> {
  const node = await startBitcoind({ chain: "signet" });
  try {
    await fundWallet(node);
    const address = await newAddress(node);
    const pool = await startPool({
      nodes: [node],
      address,
      difficulty: start,
      settings: {
        stratum: {
          difficulty: { start, min: 0.00001, max: 1e9, vardiff: true, sharesPerMinute },
        },
      },
    });
    try {
      const refill = () => fillMempool(node, { legacy: 2, segwit: 3, taproot: 2 });
      await refill();
      const startHeight = await node.call<number>("getblockcount");
      const user = `${await newAddress(node)}.real`;
      const miners = await Promise.all(programs.map((program) => startMiner(program, pool, user)));
      await mine(miners, pool, refill, options);
      await pool.applied();
      const run = await summary(pool, options.seconds);
      const blocksInChain = await blocksOf(address, startHeight, node.call);
      const said = sumOf(programs.map(({ counts }, index) => counts(miners[index]!.lines)));
      return { ...run, blocksInChain, said, lines: miners.flatMap((miner) => miner.lines) };
    } finally {
      await pool.dispose();
    }
  } finally {
    await node.stop();
  }
}

async function startMiner({ file, args }: MinerProgram, pool: TestPool, user: string): Promise<Running> {
  const place = `tcp://127.0.0.1:${pool.stratumPort}`;
  const key = args.includes("{url2}") ? (await pool.cli("v2", "key")).stdout.trim() : "";
  const filled = args.map((arg) =>
    arg
      .replace("{url}", `stratum+${place}`)
      .replace("{url2}", `stratum2+${place}/${key}`)
      .replace("{user}", user),
  );
  return launch({ name: "the miner", file, args: filled });
}

async function mine(
  miners: readonly Running[],
  pool: TestPool,
  refill: () => Promise<unknown>,
  { seconds, onProgress }: MiningOptions,
): Promise<void> {
  const startedMs = performance.now();
  let refilledAt = 0;
  await until(
    async () => {
      const elapsed = (performance.now() - startedMs) / 1000;
      const ended = miners.find((miner) => miner.exited);
      if (ended) throw new Error(`a miner ended by itself:\n${ended.lines.slice(-20).join("\n")}`);
      if (elapsed - refilledAt >= refillSeconds) {
        refilledAt = elapsed;
        await refill();
      }
      onProgress?.(elapsed, await acceptedBy(pool), await pool.metric("penstock_blocks_found_total"));
      return elapsed >= seconds;
    },
    { timeoutMs: seconds * 1000 + 60_000, what: "the miners' time to be over", intervalMs: lookMs },
  );
  await Promise.all(miners.map((miner) => miner.stop("SIGINT")));
}

function sumOf(counts: readonly (MinerCounts | undefined)[]): MinerCounts | undefined {
  return counts.reduce(
    (sum, one) => sum && one && { accepted: sum.accepted + one.accepted, refused: sum.refused + one.refused },
  );
}

async function summary(
  pool: TestPool,
  seconds: number,
): Promise<Omit<MiningRun, "blocksInChain" | "said" | "lines">> {
  const refused = new Map<Reason, number>();
  for (const result of reasonNames) {
    const count = await pool.metric("penstock_shares_answered_total", { result });
    if (count > 0) refused.set(result, count);
  }
  return {
    seconds,
    accepted: await acceptedBy(pool),
    refused,
    blocksFound: await pool.metric("penstock_blocks_found_total"),
    blocksRefused: await pool.metric("penstock_blocks_submissions_total", { result: "refused" }),
    difficultyChanges: await pool.metric("penstock_stratum_difficulty_changes_total"),
    connections: await pool.metric("penstock_stratum_connections_total"),
    malformedLines: await pool.metric("penstock_stratum_malformed_lines_total"),
    malformedFrames: await pool.metric("penstock_stratum_v2_malformed_frames_total"),
  };
}

function acceptedBy(pool: TestPool): Promise<number> {
  return pool.metric("penstock_shares_answered_total", { result: "accepted" });
}

interface Block {
  readonly tx: readonly {
    readonly vout: readonly { readonly scriptPubKey: { readonly address?: string } }[];
  }[];
}

async function blocksOf(
  address: string,
  afterHeight: number,
  call: <T>(method: string, params?: readonly unknown[]) => Promise<T>,
): Promise<number> {
  let count = 0;
  for (let height = await call<number>("getblockcount"); height > afterHeight; height--) {
    const block = await call<Block>("getblock", [await call<string>("getblockhash", [height]), 2]);
    if (block.tx[0]!.vout[0]!.scriptPubKey.address === address) count += 1;
  }
  return count;
}

/** `accepted: 117/118 (99.15%), 4817 khash/s (yay!!!)` */
function countsOfCpuminer(lines: readonly string[]): MinerCounts | undefined {
  const [, accepted, all] =
    lines.map((line) => /accepted: (\d+)\/(\d+) /.exec(line)).findLast((found) => found !== null) ?? [];
  return all === undefined
    ? undefined
    : { accepted: Number(accepted), refused: Number(all) - Number(accepted) };
}

function countsOfOwnMiner(lines: readonly string[]): MinerCounts | undefined {
  const summary = lines.findLast((line) => line.includes('"event":"summary"'));
  if (summary === undefined) return undefined;
  const { accepted, rejected } = JSON.parse(summary) as { accepted: number; rejected: number };
  return { accepted, refused: rejected };
}
