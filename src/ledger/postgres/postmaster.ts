/** The server that a cluster's own `postmaster.pid` names. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const watchMs = 250;

export interface Postmaster {
  readonly pid: number;
  /** Not there yet while it starts. */
  readonly port: number | undefined;
}

export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const [pid, , , port] = text.split("\n").map(Number);
  if (pid === undefined || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: port === undefined || Number.isNaN(port) || port === 0 ? undefined : port };
}

/** Whether the process lives and, if asked, is the server of this cluster rather than a later bearer of its number. */
export function isAlive(pid: number, cluster?: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  try {
    // A process that ended but whose parent has not looked yet has an empty command line.
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return command !== "" && (cluster === undefined || command.split("\0").includes(cluster));
  } catch (error) {
    // No /proc on this system: the number has to do.
    return (error as NodeJS.ErrnoException).code !== "ENOENT" || process.platform !== "linux";
  }
}

/** For a server that is not our child. */
export async function waitUntilGone(pid: number, cluster: string): Promise<void> {
  while (isAlive(pid, cluster)) await pause(watchMs, undefined, { ref: false });
}
