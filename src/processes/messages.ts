import type { JobData } from "../jobs/job.ts";
import type { KeptJob } from "../jobs/kept-jobs.ts";
import type { BlockRecord, Position } from "../journal/record.ts";
import type { MetricsSnapshot } from "../metrics/index.ts";
import type { Reconnect } from "../protocol/v1/reconnect.ts";
import type { Identity } from "../protocol/v2/noise/handshake.ts";
import type { BanNotice } from "../stratum/bans.ts";
import type { MovedConnection } from "../stratum/stratum.ts";

/** Difficulties that workers of miners came to, each by `account.worker`. */
export type LearnedDifficulties = readonly (readonly [key: string, difficulty: number])[];

/** What the primary tells a stratum worker. Every message is plain data; process.send copies it. */
export type ToWorker<Settings = unknown> =
  /** Once, first: everything that the worker needs to know. */
  | { readonly type: "start"; readonly workerNumber: number; readonly settings: Settings }
  /** Once, next: jobs from before this worker's start, which it may judge once it knows their accepted shares. */
  | { readonly type: "old-jobs"; readonly jobs: readonly KeptJob[] }
  | { readonly type: "job"; readonly job: JobData }
  /** A stretch of extranonce1 values that this worker alone may hand out. */
  | { readonly type: "extranonces"; readonly lease: { first: number; count: number } | undefined }
  /** Once: which of the blocks that `extranonces-held` named this worker may hold. */
  | { readonly type: "extranonces-kept"; readonly firsts: readonly number[] }
  /** A connection that another worker began, with its socket: the client's session is here. */
  | { readonly type: "connection"; readonly moved: MovedConnection }
  /** Whether miners may be served at all; when not, the worker stops listening so that they fail over. */
  | { readonly type: "serving"; readonly reasons: readonly string[] }
  /** The record of a block whose candidate is on disk but that the journals do not have. */
  | { readonly type: "block-record"; readonly record: BlockRecord }
  | { readonly type: "metrics-wanted"; readonly id: number }
  /** Addresses that are refused now, wherever that was decided. */
  | { readonly type: "bans"; readonly notices: readonly BanNotice[] }
  /** An address was banned that stands well with one of the workers: it never was. */
  | { readonly type: "ban-withdrawn"; readonly network: string }
  /** An address or network, or all of them, may come again. */
  | { readonly type: "bans-lifted"; readonly network: string | undefined }
  /** What other workers learned, or an earlier run. */
  | { readonly type: "difficulties"; readonly learned: LearnedDifficulties }
  /** What is shown to Stratum V2 miners from now on. */
  | { readonly type: "v2-identity"; readonly identity: Identity }
  /** Words for the people behind the devices. */
  | { readonly type: "show"; readonly id: number; readonly text: string }
  /** Asks miners to come again, spread over this time. */
  | {
      readonly type: "drain";
      readonly id: number;
      readonly elsewhere: Reconnect | undefined;
      readonly overSeconds: number;
    }
  | { readonly type: "stop" };

export type FromWorker =
  /** The program is loaded and listens; what is sent before is lost. */
  | { readonly type: "hello" }
  /** The journal is open and recovered; jobs are welcome. */
  | { readonly type: "ready"; readonly committed: Position }
  /** Everything up to here is durable. */
  | { readonly type: "committed"; readonly position: Position }
  /** Blocks of which the process before handed out values that clients may come back for. */
  | { readonly type: "extranonces-held"; readonly firsts: readonly number[] }
  | { readonly type: "extranonces-wanted" }
  | { readonly type: "extranonces-returned"; readonly first: number }
  /** A candidate; `stored` is false if only these bytes hold it because the disk refused. */
  | {
      readonly type: "block";
      readonly hash: Uint8Array;
      readonly bytes: Uint8Array;
      readonly stored: boolean;
    }
  /** A connection, with its socket, for the worker that has its session. */
  | { readonly type: "move"; readonly worker: number; readonly moved: MovedConnection }
  | { readonly type: "banned"; readonly notice: BanNotice }
  /** Miners at this address have their shares accepted here. */
  | { readonly type: "ban-objected"; readonly network: string }
  | { readonly type: "difficulties"; readonly learned: LearnedDifficulties }
  /** Why no share can be taken now; empty when they can. */
  | { readonly type: "health"; readonly reasons: readonly string[]; readonly listening: boolean }
  /** How many connections a message or a request to reconnect goes to. */
  | { readonly type: "told"; readonly id: number; readonly connections: number }
  | { readonly type: "metrics"; readonly id: number; readonly metrics: MetricsSnapshot };
