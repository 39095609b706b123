/**
 * The demo's processes. Each runs in a process group of its own, so that Ctrl-C in the terminal reaches only the
 * script, which then ends them in order; each leaves a record, so that the next start finds what a killed one left.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const MOST_LOG_BYTES = 20 * 1024 * 1024;

/**
 * @typedef {object} Child
 * @property {string} name
 * @property {number} pid
 * @property {string} logFile
 * @property {number} logStart where this run's lines begin, bytes
 * @property {boolean} exited
 * @property {Promise<string>} exit resolves with how it ended, in words
 */

/**
 * Starts a program that writes into `<folder>/NAME.log` and records itself in `<folder>/NAME.pid`.
 * @returns {Promise<Child>}
 */
export async function startChild({ name, file, args, folder }) {
  const logFile = join(folder, `${name}.log`);
  const logStart = await sizeAfterRotation(logFile);
  const log = openSync(logFile, "a");
  const child = spawn(file, args, { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const started = { name, pid: child.pid ?? 0, logFile, logStart, exited: false };
  started.exit = new Promise((resolve) => {
    const gone = (how) => {
      started.exited = true;
      resolve(how);
    };
    child.once("error", (error) => gone(error.message));
    child.once("exit", (code, signal) => gone(signal ? `killed by ${signal}` : `exit code ${code}`));
  });
  if (child.pid) await writeFile(recordOf(folder, name), JSON.stringify(await identityOf(child.pid)));
  return started;
}

/** Asks a process to end and waits; after `patienceMs` it is killed. */
export async function endChild(child, folder, patienceMs) {
  if (!child.exited) {
    signal(child.pid, "SIGTERM");
    const timer = setTimeout(() => signal(child.pid, "SIGKILL"), patienceMs);
    await child.exit;
    clearTimeout(timer);
  }
  await rm(recordOf(folder, child.name), { force: true });
}

/**
 * Ends what an earlier start left running under this name; the record must name the very same process.
 * @returns {Promise<boolean>} whether there was one
 */
export async function endLeftover(name, folder, patienceMs) {
  const pid = await runningPid(name, folder);
  if (pid !== undefined) {
    signal(pid, "SIGTERM");
    const deadline = performance.now() + patienceMs;
    while ((await runningPid(name, folder)) !== undefined) {
      if (performance.now() > deadline) signal(pid, "SIGKILL");
      await pause(50);
    }
  }
  await rm(recordOf(folder, name), { force: true });
  return pid !== undefined;
}

/** The pid in the record, if that process still runs. */
export async function runningPid(name, folder) {
  const record = await readFile(recordOf(folder, name), "utf8").catch(() => undefined);
  const recorded = record && parse(record);
  if (!recorded) return undefined;
  const now = await identityOf(recorded.pid);
  return now && now.bornAt === recorded.bornAt && now.boot === recorded.boot ? recorded.pid : undefined;
}

/** Records this process itself. */
export async function recordMyself(name, folder) {
  await writeFile(recordOf(folder, name), JSON.stringify(await identityOf(process.pid)));
}

export async function forgetMyself(name, folder) {
  await rm(recordOf(folder, name), { force: true });
}

/** The last lines of a child's log, for a person; structured lines by their message. */
export async function lastLines(child, count) {
  const bytes = await readFile(child.logFile).catch(() => Buffer.alloc(0));
  return bytes.toString("utf8", child.logStart).trim().split("\n").slice(-count).map(readable);
}

function recordOf(folder, name) {
  return join(folder, `${name}.pid`);
}

/** A pid alone may be another process by now; with its time of birth and the boot it is not. */
async function identityOf(pid) {
  const [line, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined),
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
  ]);
  if (line === undefined) return undefined;
  // proc(5): state is the 3rd field and the time of birth the 22nd; the 2nd, in brackets, may hold anything.
  const [state, ...fields] = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? undefined : { pid, bornAt: fields[18], boot: boot.trim() };
}

function parse(record) {
  try {
    return JSON.parse(record);
  } catch {
    return undefined; // cut off while it was written: the process had just been started and is found by its ports
  }
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** A log that has grown large makes room for a new one; one old one is kept. */
async function sizeAfterRotation(logFile) {
  const size = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  if (size <= MOST_LOG_BYTES) return size;
  await rename(logFile, `${logFile}.old`);
  return 0;
}

function readable(line) {
  if (!line.startsWith("{")) return line;
  try {
    const { msg, error, event } = JSON.parse(line);
    return [msg ?? event, typeof error === "string" ? error : error?.message].filter(Boolean).join(": ");
  } catch {
    return line;
  }
}
