import type { JobData } from "../jobs/job.ts";
import type { KeptJob } from "../jobs/kept-jobs.ts";
import type { BlockRecord, Position } from "../journal/record.ts";
import type { MetricsSnapshot } from "../metrics/index.ts";

/** What the primary tells a stratum worker. Every message is plain data; process.send copies it. */
export type ToWorker<Settings = unknown> =
  /** Once, first: everything that the worker needs to know. */
  | { readonly type: "start"; readonly workerNumber: number; readonly settings: Settings }
  /** Once, next: jobs from before this worker's start, which it may judge once it knows their accepted shares. */
  | { readonly type: "old-jobs"; readonly jobs: readonly KeptJob[] }
  | { readonly type: "job"; readonly job: JobData }
  /** A stretch of extranonce1 values that this worker alone may hand out. */
  | { readonly type: "extranonces"; readonly lease: { first: number; count: number } | undefined }
  /** Whether miners may be served at all; when not, the worker stops listening so that they fail over. */
  | { readonly type: "serving"; readonly reasons: readonly string[] }
  /** The record of a block whose candidate is on disk but that the journals do not have. */
  | { readonly type: "block-record"; readonly record: BlockRecord }
  | { readonly type: "metrics-wanted"; readonly id: number }
  | { readonly type: "stop" };

export type FromWorker =
  /** The program is loaded and listens; what is sent before is lost. */
  | { readonly type: "hello" }
  /** The journal is open and recovered; jobs are welcome. */
  | { readonly type: "ready"; readonly committed: Position }
  /** Everything up to here is durable. */
  | { readonly type: "committed"; readonly position: Position }
  | { readonly type: "extranonces-wanted" }
  | { readonly type: "extranonces-returned"; readonly first: number }
  /** A candidate; `stored` is false if only these bytes hold it because the disk refused. */
  | {
      readonly type: "block";
      readonly hash: Uint8Array;
      readonly bytes: Uint8Array;
      readonly stored: boolean;
    }
  /** Why no share can be taken now; empty when they can. */
  | { readonly type: "health"; readonly reasons: readonly string[]; readonly listening: boolean }
  | { readonly type: "metrics"; readonly id: number; readonly metrics: MetricsSnapshot };
