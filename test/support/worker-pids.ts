import { readFile } from "node:fs/promises";
import type { TestPool } from "./pool.ts";

/** The processes of a pool's stratum workers, as the kernel has them. */
export async function workerPids({ running: { pid } }: TestPool): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const pids = children.trim().split(" ").map(Number);
  const titles = await Promise.all(pids.map((child) => readFile(`/proc/${child}/cmdline`, "utf8")));
  return pids.filter((_, index) => titles[index]!.startsWith("penstock worker"));
}
