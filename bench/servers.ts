/** The servers that the benchmark talks to: the pool as an operator runs it, and those that only answer. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { compileProgram } from "../scripts/lib/program.mjs";
import { freePorts } from "../test/support/ports.ts";
import type { TestPostgres } from "../test/support/postgres.ts";
import { childrenOf, cpuSecondsOf, cpuSecondsOfFamily } from "./cpu-time.ts";
import type { FakeNode } from "./fake-node.ts";
import { buildGenerator, ended } from "./generator.ts";
import { residentBytesOf } from "./resident-memory.ts";

/** Seconds on a processor so far. */
export interface CpuTime {
  /** Of the process that talks to miners. */
  readonly worker: number;
  /** Of the pool's primary: templates, jobs, ledger, API. */
  readonly primary: number;
  readonly postgres: number;
}

/** Where a server runs: on some processors only (as taskset -c takes them), and with which priority (-20 … 19); by default as the system likes. */
export interface Place {
  readonly cpu?: string;
  /** Another processor for the pool's primary, as it has one where `stratum.workers` is auto. */
  readonly primaryCpu?: string | undefined;
  readonly nice?: string | undefined;
}

export interface Server {
  readonly port: number;
  cpuTime(): CpuTime;
  /** Accepted shares that are not in the books yet; 0 where there are none. */
  lagRecords(): Promise<number>;
  /** Memory of the process that talks to miners. */
  residentBytes(): number;
  /** Brings everybody a job on a new tip; returns the moment of the notice, CLOCK_MONOTONIC ms. */
  newBlock(): Promise<number>;
  stop(): Promise<void>;
}

export interface PoolServer extends Server {
  /** Sum over processes and labels of what /metrics says; only samples that contain `label`, if it is given. */
  metric(name: string, label?: string): Promise<number>;
}

export interface PoolSettings {
  /** A folder of its own. */
  readonly directory: string;
  readonly node: FakeNode;
  readonly postgres: TestPostgres;
  readonly durability: string;
  readonly place: Place;
  /** `stratum.nativeSubmit`, if it is to be set. */
  readonly native?: boolean | undefined;
  /** Options of Node for primary and worker: profilers. */
  readonly nodeOptions?: readonly string[] | undefined;
  /** `bin/penstock.mjs` of another folder than this one. */
  readonly program?: string | undefined;
}

const projectFolder = join(import.meta.dirname, "..");

export const poolAddress = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

/** What only answers: V1 in Node (floor-server.ts) or in C++ (native/floor.cpp), V2 in Node (frame-floor-server.ts). */
export type FloorKind = "node" | "c++" | "node-v2";

const floorPrograms = { node: "floor-server.ts", "node-v2": "frame-floor-server.ts" };

export async function startFloor(kind: FloorKind, place: Place): Promise<Server> {
  const command =
    kind === "c++"
      ? [await buildGenerator(), "floor"]
      : [process.execPath, "--import", "tsx", join(import.meta.dirname, floorPrograms[kind])];
  const child = spawnAt(place, command);
  const nextLine = linesOf(child);
  const { port } = JSON.parse(await nextLine()) as { port: number };
  return {
    port,
    cpuTime: () => ({ worker: cpuSecondsOf(child.pid!), primary: 0, postgres: 0 }),
    lagRecords: async () => 0,
    residentBytes: () => residentBytesOf(child.pid!),
    newBlock: async () => {
      child.stdin!.write("\n");
      return (JSON.parse(await nextLine()) as { announcedMs: number }).announcedMs;
    },
    stop: () => ended(child, () => child.stdin!.end()),
  };
}

export async function startPool(settings: PoolSettings): Promise<PoolServer> {
  const { directory, postgres, place, nodeOptions = [] } = settings;
  const program = settings.program ?? join(projectFolder, "bin/penstock.mjs");
  mkdirSync(directory, { recursive: true });
  const [port, httpPort] = (await freePorts(2)) as [number, number];
  const config = join(directory, "penstock.yaml");
  writeFileSync(config, JSON.stringify(await configOf(settings, port, httpPort)));
  // Workers are started with the primary's options.
  const child = spawnAt(place, [process.execPath, ...nodeOptions, program, "serve", "--config", config]);
  child.stdout!.pipe(process.stderr);
  await untilReady(httpPort, child);
  if (place.primaryCpu !== undefined)
    execFileSync("taskset", ["-apc", place.primaryCpu, String(child.pid)], { stdio: "ignore" });
  return {
    port,
    cpuTime: () => ({
      worker: childrenOf(child.pid!).reduce((sum, worker) => sum + cpuSecondsOfFamily(worker), 0),
      primary: cpuSecondsOf(child.pid!),
      postgres: cpuSecondsOfFamily(postgres.server.pid),
    }),
    lagRecords: () => metric(httpPort, "penstock_ledger_apply_lag_records"),
    residentBytes: () => childrenOf(child.pid!).reduce((sum, worker) => sum + residentBytesOf(worker), 0),
    newBlock: settings.node.newBlock,
    metric: (name, label) => metric(httpPort, name, label),
    stop: () => ended(child, () => child.kill("SIGTERM")),
  };
}

/**
 * Compiles the program into a folder of its own, as an installed pool has it: without the loader that runs TypeScript,
 * which costs memory of its own. @returns its `bin/penstock.mjs`
 */
export async function buildProgram(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await compileProgram(join(folder, "dist"));
  cpSync(join(projectFolder, "bin"), join(folder, "bin"), { recursive: true });
  for (const name of ["package.json", "node_modules", "native", "config"]) {
    symlinkSync(join(projectFolder, name), join(folder, name));
  }
  return join(folder, "bin/penstock.mjs");
}

/** All miners of the bench come from one address, at once. */
const limitsOfOneAddress = {
  channelsPerAddress: 100_000,
  handshakesWaiting: 20_000,
  connectionsPerAddress: 100_000,
  newConnectionsPerAddressPerSecond: 100_000,
  connectionsPerSubnet: 100_000,
  newConnectionsPerSubnetPerSecond: 100_000,
};

async function configOf(settings: PoolSettings, port: number, httpPort: number): Promise<unknown> {
  const { directory, node, postgres, durability, native } = settings;
  return {
    chain: "mainnet",
    dataDirectory: join(directory, "data"),
    nodes: [{ rpc: node.url, user: node.user, password: node.password, zmq: node.zmq }],
    pool: { address: poolAddress },
    stratum: {
      listen: [`127.0.0.1:${port}`],
      workers: 1,
      difficulty: { start: 1e-9, min: 1e-9, max: 1e9, vardiff: false },
      limits: limitsOfOneAddress,
      ...(native === undefined ? {} : { nativeSubmit: native }),
    },
    journal: { directory: join(directory, "journal"), durability },
    database: { url: await postgres.createDatabase() },
    http: { listen: `127.0.0.1:${httpPort}` },
    log: { level: "warn" },
  };
}

function spawnAt({ cpu, nice }: Place, command: readonly string[]) {
  const pinned = cpu === undefined ? command : ["taskset", "-c", cpu, ...command];
  const [file, ...args] = nice === undefined ? pinned : ["nice", "-n", nice, ...pinned];
  return spawn(file!, args, { stdio: ["pipe", "pipe", "inherit"] });
}

/** @returns what waits for the next line that a server prints. */
function linesOf(child: ChildProcess): () => Promise<string> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("a server ended early");
    return value;
  };
}

async function untilReady(httpPort: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 60_000;
  let said = "nothing";
  while (performance.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    said = (await answer?.text()) ?? said;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`the pool did not become ready; it said ${said}`);
}

async function metric(httpPort: number, name: string, label = ""): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(name) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
