import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { atExit } from "./at-exit.ts";
import { within } from "./deadline.ts";

const SETPRIV = "/usr/bin/setpriv";
const LINES_KEPT = 2_000;

/** Children that still run; none may outlive the tests. */
const running = new Set<ChildProcess>();
atExit(() => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Launch {
  /** For error messages: what this process is. */
  readonly name: string;
  readonly file: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export interface Running {
  readonly name: string;
  readonly pid: number;
  /** Its last lines of stdout and stderr, oldest first. */
  readonly lines: readonly string[];
  readonly exited: boolean;
  /** Resolves when the process is gone. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** The first line, printed already or to come, that matches; fails when the process ends before. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** Asks it to end, waits, and kills it when it does not. */
  stop(signal?: NodeJS.Signals, timeoutMs?: number): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts a program that ends with the tests at the latest: with this process when it exits, and by the kernel's
 * parent-death signal when this process is killed itself.
 */
export function launch({ name, file, args = [], env, cwd }: Launch): Running {
  const bound = existsSync(SETPRIV);
  const command = bound ? [SETPRIV, "--pdeathsig", "KILL", "--", file, ...args] : [file, ...args];
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: env ?? process.env,
    ...(cwd === undefined ? {} : { cwd }),
  });
  running.add(child);
  return watch(name, child);
}

function watch(name: string, child: ChildProcess): Running {
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const add = (line: string) => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    for (const listener of listeners) listener(line);
  };
  readLines(child.stdout!, add);
  readLines(child.stderr!, add);

  let exited = false;
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    const gone = (code: number | null, signal: NodeJS.Signals | null) => {
      exited = true;
      running.delete(child);
      resolve({ code, signal });
    };
    child.once("error", (error) => {
      add(error.message);
      gone(null, null);
    });
    child.once("exit", gone);
  });

  const waitForLine = async (pattern: RegExp, timeoutMs = 30_000) => {
    const printed = lines.find((line) => pattern.test(line));
    if (printed !== undefined) return printed;
    let listener: (line: string) => void = () => {};
    const found = new Promise<string>((resolve) => {
      listener = (line) => pattern.test(line) && resolve(line);
      listeners.add(listener);
    });
    const ended = exit.then(({ code, signal }) => {
      throw new Error(`${name} ended (${signal ?? code}) before it printed ${pattern}:\n${tail(lines)}`);
    });
    try {
      return await within(timeoutMs, `${name} to print ${pattern}`, Promise.race([found, ended]));
    } finally {
      listeners.delete(listener);
      ended.catch(() => {}); // it may still end later, which is then nobody's failure
    }
  };
  const kill = async () => {
    if (!exited) child.kill("SIGKILL");
    await exit;
  };
  const stop = async (signal: NodeJS.Signals = "SIGTERM", timeoutMs = 30_000) => {
    if (exited) return;
    child.kill(signal);
    try {
      await within(timeoutMs, `${name} to end after ${signal}`, exit);
    } catch (error) {
      await kill();
      throw new Error(`${name} had to be killed; its last lines:\n${tail(lines)}`, { cause: error });
    }
  };
  return {
    name,
    pid: child.pid ?? 0,
    lines,
    get exited() {
      return exited;
    },
    exit,
    waitForLine,
    signal: (signal) => void child.kill(signal),
    stop,
    kill,
  };
}

function readLines(stream: NodeJS.ReadableStream, add: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) add(line);
  });
  stream.once("end", () => {
    if (rest) add(rest);
  });
}

function tail(lines: readonly string[]): string {
  return lines.slice(-30).join("\n");
}
