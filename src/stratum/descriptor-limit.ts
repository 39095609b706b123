import { readFileSync } from "node:fs";

/** Descriptors kept back for the journal, blocks, IPC and the listeners themselves. */
const reserve = 128;
/** Where the limit cannot be read: what most systems grant. */
const usualLimit = 1024;

/**
 * How many connections this process can hold: beyond its descriptor limit the kernel's refusals reach nobody, not even
 * as an error event, and the journal could not open its next segment.
 */
export function connectionsPossible(limitsFile = "/proc/self/limits"): number {
  return Math.max(1, descriptorLimit(limitsFile) - reserve);
}

function descriptorLimit(limitsFile: string): number {
  let text: string;
  try {
    text = readFileSync(limitsFile, "utf8");
  } catch {
    return usualLimit; // not Linux
  }
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  if (soft === undefined) return usualLimit;
  return soft === "unlimited" ? 1_000_000 : Number(soft);
}
