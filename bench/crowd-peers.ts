/** Drives bench/native/crowd.cpp, the hostile peers: one process, commands in, tallies out as lines of JSON. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildCoreProgram } from "../scripts/build-native.mjs";
import { ended } from "./generator.ts";

export interface CrowdPlan {
  readonly port: number;
  /** ADDRESS, without a worker's name. */
  readonly user: string;
  /** Each kind comes from so many loopback addresses of its own; 0: all come from 127.0.0.1. */
  readonly addresses: number;
  readonly readers: number;
  readonly writers: number;
  readonly flooders: number;
  readonly linesPerSecond: number;
  readonly connectsPerSecond: number;
}

/** What the crowd has done since it started. */
export interface CrowdTally {
  readonly seconds: number;
  readonly lines: number;
  readonly bytes: number;
  readonly connects: number;
  /** How often the pool ended a connection of each kind. */
  readonly cutReaders: number;
  readonly cutWriters: number;
  readonly cutFlooders: number;
  readonly cpuSeconds: number;
}

export interface Crowd {
  tally(): Promise<CrowdTally>;
  /** All go at once. */
  stop(): Promise<CrowdTally>;
}

const log = (line: string) => console.error(`… ${line}`);

export async function buildCrowd(): Promise<string> {
  const source = join(import.meta.dirname, "native/crowd.cpp");
  return (await buildCoreProgram({ log, source, flags: ["-O2"] })).path;
}

/** @param cpu the only processor it runs on; by default as the system likes. */
export async function startCrowd(plan: CrowdPlan, cpu?: string): Promise<Crowd> {
  const program = await buildCrowd();
  const command = cpu === undefined ? [program] : ["taskset", "-c", cpu, program];
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function run(...words: readonly (string | number)[]): Promise<CrowdTally> {
    child.stdin.write(`${words.join(" ")}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error("the crowd ended early");
    const answer = JSON.parse(value) as CrowdTally & { error?: string };
    if (answer.error !== undefined) throw new Error(`crowd: ${answer.error}`);
    return answer;
  }

  const { port, user, addresses, readers, writers, flooders, linesPerSecond, connectsPerSecond } = plan;
  await run("start", port, user, addresses, readers, writers, flooders, linesPerSecond, connectsPerSecond);
  return {
    tally: () => run("tally"),
    async stop() {
      const tally = await run("stop");
      await ended(child, () => child.stdin.end());
      return tally;
    },
  };
}
