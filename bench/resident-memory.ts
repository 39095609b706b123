import { readFileSync } from "node:fs";

/** Memory of a process that is in use, what it shares with others included; what the kernel keeps for it is not. */
export function residentBytesOf(pid: number): number {
  const kilobytes = /^Rss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
  if (kilobytes === undefined) throw new Error(`the kernel does not say how much memory process ${pid} uses`);
  return Number(kilobytes) * 1024;
}
