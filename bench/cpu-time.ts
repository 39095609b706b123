import { readdirSync, readFileSync } from "node:fs";

/** Seconds on a processor of all living threads of a process, as the scheduler counts them in nanoseconds. */
export function cpuSecondsOf(pid: number): number {
  return sum(threadsOf(pid).map((thread) => nanosecondsOf(pid, thread))) / 1e9;
}

/** The same for a process and everything that it started. */
export function cpuSecondsOfFamily(pid: number): number {
  return cpuSecondsOf(pid) + sum(childrenOf(pid).map(cpuSecondsOfFamily));
}

/** Processes that were started by this one, or by one of its threads. */
export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readOrEmpty(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

/** Seconds that a processor was not idle since the machine started, in steps of 10 ms: what others stole included. */
export function busySecondsOf(cpu: string): number {
  const line = readOrEmpty("/proc/stat")
    .split("\n")
    .find((each) => each.startsWith(`cpu${cpu} `));
  const [, user, nice, system, , , irq, softIrq, steal] = line?.split(" ").map(Number) ?? [];
  return sum([user, nice, system, irq, softIrq, steal].map((ticks) => ticks ?? 0)) / 100;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it ended
  }
}

function nanosecondsOf(pid: number, thread: string): number {
  return Number(readOrEmpty(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0]);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return ""; // it ended
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
