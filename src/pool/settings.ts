import { join } from "node:path";
import type { Config, FirmwareFile } from "../config/index.ts";
import type { Identity } from "../protocol/v2/noise/handshake.ts";

/** What a worker is told at its start: plain data, since it crosses the process border. */
export interface WorkerSettings {
  readonly config: Config;
  readonly blocksDirectory: string;
  readonly templatesDirectory: string;
  readonly firmware: FirmwareFile;
  /** What is shown to Stratum V2 miners until another one is sent. */
  readonly identity: Identity;
}

/** Jobs that a worker can still judge: most of an hour at one every 25 s. */
export const maxLiveJobs = 128;
/** Jobs of a run before are known for so long after they went out: miners work on newer ones within a minute. */
export const oldJobsMs = 30 * 60_000;
/** What a worker reads of its journal before it serves, some seconds' work; older jobs that need more are dropped. */
export const maxRememberedBytes = 512 * 2 ** 20;
/** Templates whose transactions stay on disk: those of every live job, and some for those on their way. */
export const templatesKept = maxLiveJobs + 32;

/** How long an extranonce1 rests before it may come round again: no job of its time can be credited any more. */
export const extranonceReuseMs = 2 * 3_600_000;

/** Name of a worker's journal: each has its own. */
export function journalNode(frontEnd: number, workerNumber: number): string {
  return `${frontEnd}-${workerNumber}`;
}

/** Where things are on disk; see ARCHITECTURE.md. */
export function foldersOf(config: Config) {
  const { dataDirectory } = config;
  return {
    data: dataDirectory,
    journal: config.journal.directory,
    blocks: join(dataDirectory, "blocks"),
    templates: join(dataDirectory, "templates"),
    jobs: join(dataDirectory, "jobs"),
    counters: join(dataDirectory, "counters"),
    sessions: join(dataDirectory, "sessions"),
  };
}

export type Folders = ReturnType<typeof foldersOf>;

export function orderLogOf(config: Config): string {
  return join(config.journal.directory, "order.log");
}

export function postgresFolderOf(config: Config): string {
  return join(config.dataDirectory, "postgres");
}
