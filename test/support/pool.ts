import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { atExit } from "./at-exit.ts";
import type { Bitcoind } from "./bitcoind.ts";
import { until } from "./deadline.ts";
import { freePorts } from "./ports.ts";
import { launch, type Running } from "./processes.ts";
import { temporaryFolder } from "./temporary.ts";

const program = resolve(import.meta.dirname, "../../bin/penstock.mjs");

export interface PoolOptions {
  readonly nodes: readonly Bitcoind[];
  readonly address: string;
  /** Share difficulty, fixed. */
  readonly difficulty: number;
  readonly databaseUrl?: string;
  readonly workers?: number;
  /** Further keys of penstock.yaml, by section. */
  readonly settings?: Record<string, unknown>;
  readonly env?: NodeJS.ProcessEnv;
}

/** A pool as an operator runs it: the real program, its own folder, its own ports. */
export interface TestPool {
  readonly stratumPort: number;
  readonly httpUrl: string;
  readonly folder: string;
  readonly configFile: string;
  /** The primary; replaced by every start. */
  readonly running: Running;
  start(): Promise<void>;
  /** Clean shutdown, as Ctrl-C does it. */
  stop(): Promise<void>;
  /** SIGKILL to the given processes of the pool. */
  kill(what: "worker" | "primary" | "everything"): Promise<void>;
  /** Ends it for good and removes its folder. */
  dispose(): Promise<void>;
  /** Sum of a metric over processes and labels that match. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  /** Runs `penstock ARGS --config FILE`. */
  cli(...args: readonly string[]): Promise<{ stdout: string; stderr: string; code: number }>;
  /** What `penstock ledger balances` sums up to, in satoshi; it must find the books and the rewards to agree. */
  balances(): Promise<{ immature: bigint; payable: bigint }>;
  ready(): Promise<void>;
  /** Waits until every journaled share is in the ledger. */
  applied(): Promise<void>;
}

export async function startPool(options: PoolOptions): Promise<TestPool> {
  const { path: folder, remove } = await temporaryFolder("pool");
  const [stratumPort, httpPort] = (await freePorts(2)) as [number, number];
  const httpUrl = `http://127.0.0.1:${httpPort}`;
  const configFile = join(folder, "penstock.yaml");
  await mkdir(folder, { recursive: true });
  await writeFile(configFile, JSON.stringify(configOf(options, stratumPort, httpPort), null, 2));

  let running: Running;
  const start = async () => {
    running = launch({
      name: "penstock serve",
      file: process.execPath,
      args: [program, "serve", "--config", configFile],
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    });
    await ready();
  };

  const ready = async () => {
    await until(
      async () => {
        if (running.exited) return "gone";
        return (await fetch(`${httpUrl}/readyz`)).status === 200 && "ready";
      },
      { timeoutMs: 60_000, what: "the pool to be ready" },
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${running.lines.slice(-20).join("\n")}`);
    });
    if (running.exited) throw new Error(`the pool ended at start:\n${running.lines.slice(-20).join("\n")}`);
  };

  const metric: TestPool["metric"] = async (name, labels = {}) => {
    const text = await (await fetch(`${httpUrl}/metrics`)).text();
    return sumOf(text, name, labels);
  };

  const cli: TestPool["cli"] = (...args) => run([program, ...args, "--config", configFile]);

  const kill: TestPool["kill"] = async (what) => {
    const family = await descendantsOf(running.pid);
    const workers = family.filter(({ title }) => title.startsWith("penstock worker"));
    const victims = { worker: workers.slice(0, 1), primary: [], everything: family }[what].map(
      ({ pid }) => pid,
    );
    if (what !== "worker") victims.unshift(running.pid);
    if (what === "everything") victims.push(...postgresOf(folder));
    for (const pid of victims) killIfThere(pid);
    if (what === "worker") return;
    await running.exit;
    // Workers notice that their primary is gone and leave within a second.
    await until(() => workers.every(({ pid }) => !isAlive(pid)), {
      timeoutMs: 1_500,
      intervalMs: 5,
      what: "the workers to leave after their primary",
    });
  };

  // A pool that was killed left its embedded Postgres for the next start, which may never come.
  const endAll = () => {
    if (!running.exited) killIfThere(running.pid);
    for (const pid of postgresOf(folder)) killIfThere(pid, "SIGQUIT");
  };
  const spare = atExit(endAll);

  await start();
  return {
    stratumPort,
    httpUrl,
    folder,
    configFile,
    get running() {
      return running;
    },
    start,
    stop: () => running.stop("SIGINT", 60_000),
    kill,
    dispose: async () => {
      try {
        await running.stop("SIGTERM", 60_000);
      } finally {
        endAll();
        spare();
        await remove();
      }
    },
    metric,
    cli,
    balances: async () => {
      const { stdout, stderr, code } = await cli("ledger", "balances", "--json");
      if (code !== 0) throw new Error(`ledger balances ended with ${code}: ${stderr}`);
      const total = JSON.parse(stdout.trim().split("\n").at(-1)!) as {
        immatureSats: string;
        payableSats: string;
      };
      return { immature: BigInt(total.immatureSats), payable: BigInt(total.payableSats) };
    },
    ready,
    applied: async () => {
      await until(async () => (await metric("penstock_ledger_apply_lag_records")) === 0, {
        timeoutMs: 60_000,
        what: "the ledger to have every share",
      });
    },
  };
}

function configOf(options: PoolOptions, stratumPort: number, httpPort: number) {
  const [first] = options.nodes;
  const settings = options.settings ?? {};
  const { difficulty } = options;
  return {
    chain: first!.chain,
    nodes: options.nodes.map((node) => ({
      rpc: node.rpcUrl,
      cookieFile: node.cookieFile,
      ...(node.zmq === "" ? {} : { zmq: node.zmq }),
    })),
    dataDirectory: "./data",
    database: { url: options.databaseUrl ?? "embedded" },
    http: { listen: `127.0.0.1:${httpPort}` },
    ...settings,
    pool: { address: options.address, ...(settings["pool"] as object | undefined) },
    stratum: {
      listen: [`127.0.0.1:${stratumPort}`],
      workers: options.workers ?? 1,
      difficulty: { start: difficulty, min: Math.min(difficulty, 1e-9), max: 1e9, vardiff: false },
      ...(settings["stratum"] as object | undefined),
    },
    // Small segments: tests start many pools, and rotation is part of what they see.
    journal: {
      directory: "./data/journal",
      segmentMegabytes: 1,
      alarmFreeMegabytes: 2,
      refuseFreeMegabytes: 1,
      ...(settings["journal"] as object | undefined),
    },
  };
}

async function run(args: readonly string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 30 });
    return { stdout, stderr, code: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { stdout, stderr, code };
  }
}

/** Adds up the samples of a metric in Prometheus' text format. */
export function sumOf(text: string, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

interface ProcessEntry {
  readonly pid: number;
  readonly title: string;
}

async function descendantsOf(pid: number): Promise<ProcessEntry[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const children = text.trim() === "" ? [] : text.trim().split(" ").map(Number);
  const entries = await Promise.all(children.map(entryOf));
  const below = await Promise.all(children.map(descendantsOf));
  return [...entries, ...below.flat()];
}

async function entryOf(pid: number): Promise<ProcessEntry> {
  const title = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return { pid, title: title.replaceAll("\0", " ").trim() };
}

/** An embedded Postgres need not be a child: its own file names its process, or one that is long gone. */
function postgresOf(folder: string): number[] {
  const cluster = join(folder, "data/postgres");
  try {
    const pid = Number.parseInt(readFileSync(join(cluster, "postmaster.pid"), "utf8"), 10);
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return command.includes(cluster) ? [pid] : [];
  } catch {
    return []; // no such file, no such process
  }
}

function killIfThere(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** A zombie has ended; whoever inherited it has only not looked yet. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}
