/** Starts and drives a process that writes a journal, on a disk that fails when it is told to. */
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JournalOptions, JournalState } from "../../../src/journal/index.ts";
import { atExit } from "../at-exit.ts";
import { within } from "../deadline.ts";

export interface WriterOptions {
  readonly journal: Omit<JournalOptions, "addon" | "log" | "clock" | "onState" | "onFailure" | "metrics">;
  /** Appends without end; answers go to its standard output. */
  readonly mine?: { readonly first: number; readonly perTurn: number };
  /** Gets a line for each acknowledged sequence, in a call of its own. */
  readonly ackFd?: number;
}

export type Order =
  | { readonly type: "append"; readonly first: number; readonly count: number }
  | { readonly type: "state" }
  | { readonly type: "close" };

export type Report =
  | { readonly type: "open"; readonly epoch: number; readonly committed: number }
  | { readonly type: "refused"; readonly code: string | undefined; readonly message: string }
  | { readonly type: "appended"; readonly sequences: number[]; readonly outcomes: boolean[] }
  | { readonly type: "state"; readonly state: JournalState; readonly reason: string }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "closed" };

type ReportOf<T extends Report["type"]> = Extract<Report, { type: T }>;

export interface JournalProcess {
  readonly child: ChildProcess;
  /** Everything it has reported. */
  readonly reports: readonly Report[];
  /** The first report of a type that `wanted` takes and nobody has taken before. */
  next<T extends Report["type"]>(type: T, wanted?: (report: ReportOf<T>) => boolean): Promise<ReportOf<T>>;
  tell(order: Order): void;
  /** Kills it, and waits until it is gone. */
  kill(): Promise<void>;
}

const timeoutMs = 20_000;

/** Writers that still run; none may outlive the tests. */
const running = new Set<ChildProcess>();
atExit(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** @param disk the failing disk it shall run on; the real one if left out. @param acks a descriptor for `ackFd` 5. */
export function startWriter(options: WriterOptions, disk?: FaultyDisk, acks?: number): JournalProcess {
  const child = fork(join(import.meta.dirname, "writer.ts"), [JSON.stringify(options)], {
    execArgv: ["--import", "tsx"],
    env: { ...process.env, ...disk?.environment },
    stdio: ["ignore", "pipe", "inherit", "ipc", "ignore", acks ?? "ignore"],
  });
  running.add(child);
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => {
      running.delete(child);
      resolve();
    });
  });
  const reports: Report[] = [];
  const taken = new Set<Report>();
  let wake = () => {};
  child.on("message", (report: Report) => {
    reports.push(report);
    wake();
  });

  async function next<T extends Report["type"]>(
    type: T,
    wanted: (report: ReportOf<T>) => boolean = () => true,
  ): Promise<ReportOf<T>> {
    const find = async () => {
      for (;;) {
        const found = reports.find(
          (report): report is ReportOf<T> =>
            report.type === type && !taken.has(report) && wanted(report as ReportOf<T>),
        );
        if (found !== undefined) {
          taken.add(found);
          return found;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    return within(timeoutMs, `the writer's report "${type}", after ${JSON.stringify(reports)}`, find());
  }

  return {
    child,
    reports,
    next,
    tell: (order) => void child.send(order),
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

export interface FaultyDisk {
  readonly environment: Readonly<Record<string, string>>;
  /** What calls do from now on; see shim.c. Without arguments the disk is well again. */
  order(...lines: string[]): void;
  /** Every call that was finished, in order: name, path, offset, length, ok or the error. */
  log(): { call: string; path: string; offset: number; length: number; result: string }[];
  remove(): void;
}

/** Compiles the shim, once for each disk. @param folder only files below it are on this disk. */
export function aFaultyDisk(folder: string): FaultyDisk {
  const own = mkdtempSync(join(tmpdir(), "penstock-disk-"));
  const library = join(own, "shim.so");
  const control = join(own, "control");
  const log = join(own, "log");
  const source = join(import.meta.dirname, "shim.c");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], { stdio: "inherit" });
  writeFileSync(control, "");
  writeFileSync(log, "");
  return {
    environment: { LD_PRELOAD: library, SHIM_FOLDER: folder, SHIM_CONTROL: control, SHIM_LOG: log },
    order: (...lines) => writeFileSync(control, `${lines.join("\n")}\n`),
    log: () =>
      readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [call, path, offset, length, result] = line.split(" ");
          return {
            call: call!,
            path: path!,
            offset: Number(offset),
            length: Number(length),
            result: result!,
          };
        }),
    remove: () => rmSync(own, { recursive: true, force: true }),
  };
}
