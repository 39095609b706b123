/** Drives bench/native/load.cpp, the load generator: one process, commands in, results out as lines of JSON. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildCoreProgram } from "../scripts/build-native.mjs";

export interface LoadResult {
  /** From the first submission to the last answer. */
  readonly seconds: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly unanswered: number;
  /** Answers to nothing that was asked. */
  readonly unexpected: number;
  readonly firstRejection: string | null;
  /** Milliseconds from when a share was due to when its answer was read: for V2, the Success that covers it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** A connection ran out of prepared shares: the rate is a lower bound. */
  readonly exhausted: boolean;
  /** A clean job came: the run ended there, for what was prepared is stale. */
  readonly newTip: boolean;
  /** The generator's own. */
  readonly cpuSeconds: number;
  /** Open loop: how late the generator itself sent. */
  readonly lateP50Ms: number;
  readonly lateP99Ms: number;
  /** Payload of TCP. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Median, 99th percentile and last of all connections, milliseconds. */
export type Spread = readonly [median: number, p99: number, last: number];

/** Connections opened at once. */
export interface StormResult {
  /** Subscribed, authorized, with a difficulty and a job. */
  readonly ready: number;
  /** Refused, closed, or without work after a minute. */
  readonly failed: number;
  readonly firstFailure: string | null;
  /** Connections on which the kernel had to send something again: the listener's queue was full. */
  readonly retried: number;
  /** How long it took to begin them all. */
  readonly openedMs: number;
  /** From the first connection's beginning to when each stood, as the generator saw it. */
  readonly connectedMs: Spread;
  /** The same to when each was ready. */
  readonly readyMs: Spread;
  /** From when each stood to when it was ready. */
  readonly workMs: Spread;
  /** The generator's own. */
  readonly cpuSeconds: number;
}

/** CLOCK_MONOTONIC milliseconds at which the first and the last miner read the job. */
export interface BlockResult {
  readonly firstJobMs: readonly [number, number];
  readonly fullJobMs: readonly [number, number];
  /** What came over the wire for them: for V2 with the tip, and sealed. */
  readonly firstJobBytes: number;
  readonly fullJobBytes: number;
}

export interface Generator {
  readonly pid: number;
  /** All miners at once, each authorized and with a job. Once per generator. */
  connect(port: number, connections: number, user: string): Promise<void>;
  /** Like `connect`, but all at once; whoever fails is counted. */
  storm(port: number, connections: number, user: string): Promise<StormResult>;
  /** Makes shares for the newest job. `any`: for a server that does not look at them, without hashing. */
  prepare(shares: number, kind: "real" | "any"): Promise<void>;
  closedLoop(seconds: number, outstanding: number): Promise<LoadResult>;
  openLoop(seconds: number, perSecond: number): Promise<LoadResult>;
  /** `onArmed` is called when every later job is waited for. */
  expectBlock(onArmed: () => void): Promise<BlockResult>;
  stop(): Promise<void>;
}

/** What the generator's miners are. */
export type Protocol =
  | { readonly name: "v1" }
  | { readonly name: "v2"; readonly kind: "standard" | "extended"; readonly channels: number };

export const v1: Protocol = { name: "v1" };

/** As most devices are: one extended channel. */
export const v2: Extract<Protocol, { readonly name: "v2" }> = { name: "v2", kind: "extended", channels: 1 };

/** @throws Error for a name that is none. */
export function protocolOf(name: string, kind = "extended", channels = 1): Protocol {
  if (name === "v1") return v1;
  if (name !== "v2") throw new Error(`there is no protocol "${name}": v1, v2`);
  if (kind !== "standard" && kind !== "extended") throw new Error(`there is no kind "${kind}" of channel`);
  return { name, kind, channels };
}

const source = (name: string) => join(import.meta.dirname, "native", name);
const log = (line: string) => console.error(`… ${line}`);
const flags = ["-O2", "-pthread"];
const commonSources = ["load.cpp", "miner.cpp"].map(source);

export async function buildGenerator(): Promise<string> {
  const more = [...commonSources, ...["floor.cpp", "line_miner.cpp", "work.cpp"].map(source)];
  return (await buildCoreProgram({ log, source: source("generator.cpp"), more, flags })).path;
}

/** A library for Node: see frame-generator.ts. */
export async function buildFrameGenerator(): Promise<string> {
  const more = [...commonSources, source("frame_miner.cpp")];
  return (await buildCoreProgram({ log, source: source("frame_generator.cpp"), more, flags: libraryFlags }))
    .path;
}

const libraryFlags = [
  ...flags,
  "-shared",
  "-fPIC",
  "-DNAPI_VERSION=8",
  "-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
];

async function commandOf(protocol: Protocol): Promise<string[]> {
  if (protocol.name === "v1") return [await buildGenerator()];
  const { kind, channels } = protocol;
  const program = join(import.meta.dirname, "frame-generator.ts");
  return [process.execPath, "--import", "tsx", program, await buildFrameGenerator(), kind, String(channels)];
}

/** @param cpu the only processor it runs on while it measures; it prepares on all. */
export async function startGenerator(cpu?: string, protocol = v1): Promise<Generator> {
  const program = await commandOf(protocol);
  const command = cpu === undefined ? program : ["taskset", "-c", cpu, ...program];
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function nextAnswer(): Promise<unknown> {
    const { value, done } = await answers.next();
    if (done) throw new Error("the load generator ended early");
    const answer = JSON.parse(value) as { error?: string };
    if (answer.error !== undefined) throw new Error(`load generator: ${answer.error}`);
    return answer;
  }

  function run(...words: readonly (string | number)[]): Promise<unknown> {
    child.stdin.write(`${words.join(" ")}\n`);
    return nextAnswer();
  }

  return {
    pid: child.pid!,
    connect: async (port, connections, user) => void (await run("connect", port, connections, user)),
    storm: async (port, connections, user) => (await run("storm", port, connections, user)) as StormResult,
    prepare: async (shares, kind) => void (await run("prepare", Math.ceil(shares), kind)),
    closedLoop: async (seconds, outstanding) => (await run("closed", seconds, outstanding)) as LoadResult,
    openLoop: async (seconds, perSecond) => (await run("open", seconds, perSecond)) as LoadResult,
    expectBlock: async (onArmed) => {
      await run("block");
      onArmed();
      return (await nextAnswer()) as BlockResult;
    },
    stop: () => ended(child, () => child.stdin.end()),
  };
}

export function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    end();
  });
}
