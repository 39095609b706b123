/**
 * One writer a journal. The lock is flock(2) on the file `lock` in the node's folder: the kernel gives it up when its
 * holder is gone, however it went, so nothing stale is left and nothing must be guessed from process ids (which mean
 * nothing across containers that share a volume, as abstract sockets do not either). Node has no flock, so util-linux's
 * `flock` takes the lock on a descriptor that it inherits: such a lock belongs to the open file, not to the process,
 * and stays when the helper ends. The file is never removed: two openers must find the same one.
 */
import { spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { PoolError } from "../errors.ts";
import { lockName } from "./format.ts";

export interface JournalLock {
  release(): Promise<void>;
}

const retryMs = 50;

/**
 * @param waitMs how long a holder may take to leave: workers of a primary that was killed do so within a second.
 * @throws PoolError JOURNAL_LOCKED, JOURNAL_LOCK_UNAVAILABLE, JOURNAL_UNWRITABLE.
 */
export async function lockJournal(directory: string, waitMs: number): Promise<JournalLock> {
  const path = join(directory, lockName);
  const handle = await open(path, "a+").catch((cause) => {
    throw new PoolError(
      "JOURNAL_UNWRITABLE",
      `The journal's lock file ${path} cannot be opened: ${(cause as Error).message}.`,
      "Give the pool's user write access to the folder, or set journal.directory to another one.",
      { cause },
    );
  });
  try {
    const deadline = performance.now() + waitMs;
    while (!(await tryLock(handle, path))) {
      if (performance.now() >= deadline) throw locked(directory, await handle.readFile("utf8"));
      await pause(retryMs);
    }
    // For the message that another process prints; the lock itself does not need it.
    await handle.truncate(0);
    await handle.write(`process ${process.pid}, since ${new Date().toISOString()}\n`);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { release: () => handle.close() };
}

function tryLock(handle: FileHandle, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const helper = spawn("flock", ["-x", "-n", "3"], { stdio: ["ignore", "ignore", "pipe", handle.fd] });
    let complaint = "";
    helper.stderr?.on("data", (text) => {
      complaint += text;
    });
    helper.once("error", (error) => reject(unavailable(path, error.message)));
    helper.once("close", (code) => {
      if (code === 0) resolve(true);
      else if (code === 1) resolve(false);
      else reject(unavailable(path, complaint.trim() || `flock ended with ${code}`));
    });
  });
}

function locked(directory: string, holder: string): PoolError {
  const who = holder.trim() === "" ? "another process" : `another process (${holder.trim()})`;
  return new PoolError(
    "JOURNAL_LOCKED",
    `The journal ${directory} is being written by ${who}.`,
    "Stop the other pool, or give each its own journal.directory or pool.frontEnd.",
  );
}

function unavailable(path: string, what: string): PoolError {
  return new PoolError(
    "JOURNAL_LOCK_UNAVAILABLE",
    `The journal's lock ${path} cannot be taken: ${what}.`,
    "The command `flock` of the package util-linux must be installed, and the file system must support locks.",
  );
}
