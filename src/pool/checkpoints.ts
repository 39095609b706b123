/** When checkpoints are made, and how far they stand for the journals. The work itself is done in a thread. */
import { stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import type { Clock } from "../clock.ts";
import { PoolError } from "../errors.ts";
import type { SequencePosition } from "../journal/record.ts";
import { checkpointsKept, type KeptCheckpoint } from "../ledger/checkpoints.ts";
import type { Logger } from "../log/index.ts";
import type { CheckpointTask, FromCheckpointThread, Trouble } from "./checkpoint-messages.ts";

export interface CheckpointsOptions {
  readonly orderLogFile: string;
  /** Folder of the journals. */
  readonly journals: string;
  readonly shareRetentionDays: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** One that fails is tried again after this long: it may have read for minutes before it failed. */
const retryMs = hourMs;
/** Bounds what the thread may take from the machine; it fails alone when that is too little. */
const maxHeapMegabytes = 2048;

export class Checkpoints {
  /** Whether segments are past their retention and wait for a checkpoint only. */
  areWaitedFor = false;
  readonly #options: CheckpointsOptions;
  /** Newest first; undefined until they have been looked at. */
  #kept: readonly KeptCheckpoint[] | undefined;
  readonly #named = new Set<string>();
  #thread: Worker | undefined;
  #closed = false;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /**
   * Up to where journals may go, by node: to where the older of two checkpoints stands. With one of them lost or damaged
   * the other and the journals still lead to the same books.
   */
  async covered(): Promise<ReadonlyMap<string, SequencePosition>> {
    if (this.#kept?.length !== checkpointsKept) return new Map();
    for (const { file, madeMs } of this.#kept) {
      const found = await stat(file).catch(() => undefined);
      if (found?.mtimeMs === madeMs) continue;
      this.#kept = undefined; // somebody changed it: it must be looked at before it is relied on
      return new Map();
    }
    return this.#kept.at(-1)!.positions;
  }

  /** Makes one that is due. @param lastBatch the last one that the database has committed. */
  async keep(lastBatch: number): Promise<void> {
    const { clock, orderLogFile, shareRetentionDays } = this.#options;
    if (this.#closed || clock.monotonicMs() < this.#retryAtMs) return;
    try {
      this.#kept ??= await this.#run(undefined);
      if (!this.#isDue(this.#kept, lastBatch)) return;
      const firstDay = Math.floor((clock.wallMs() - shareRetentionDays * dayMs) / dayMs);
      const startedMs = clock.monotonicMs();
      this.#kept = await this.#run({ upTo: lastBatch, firstDay });
      const seconds = Math.round((clock.monotonicMs() - startedMs) / 1000);
      this.#options.log.info(
        { event: "checkpoint-made", batch: this.#kept[0]?.batch, seconds, orderLog: orderLogFile },
        "a checkpoint stands for the journals before it",
      );
    } catch (error) {
      if (this.#closed) return;
      this.#retryAtMs = clock.monotonicMs() + retryMs;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
  }

  /** Daily, so that each has little to do; sooner while segments wait, at once as long as there are not two. */
  #isDue(kept: readonly KeptCheckpoint[], lastBatch: number): boolean {
    const [newest] = kept;
    if (lastBatch <= (newest?.batch ?? 0)) return false;
    if (newest === undefined) return true;
    const everyMs = !this.areWaitedFor ? dayMs : kept.length < checkpointsKept ? 0 : hourMs;
    const ageMs = this.#options.clock.wallMs() - newest.madeMs;
    return ageMs >= everyMs || ageMs < -dayMs; // the clock was wrong, then or now
  }

  #run(make: CheckpointTask["make"]): Promise<readonly KeptCheckpoint[]> {
    const { orderLogFile, journals } = this.#options;
    const thread = startThread({ orderLogFile, journals, make });
    this.#thread = thread;
    return new Promise((resolve, reject) => {
      thread.on("message", (message: FromCheckpointThread) => {
        if (message.kind === "unsound") this.#name(message.trouble);
        else if (message.kind === "done") resolve(message.kept);
        else reject(errorOf(message.trouble));
      });
      thread.on("error", reject);
      thread.on("exit", () => {
        this.#thread = undefined;
        reject(new Error("the checkpoint thread was ended"));
      });
    });
  }

  #name(trouble: Trouble): void {
    if (this.#named.has(trouble.message)) return;
    this.#named.add(trouble.message);
    this.#options.log.error(
      { event: "checkpoint-unsound", code: trouble.code },
      `${trouble.message} ${trouble.hint} The one before it is used.`,
    );
  }
}

function errorOf({ code, message, hint }: Trouble): PoolError {
  return new PoolError(code, message, hint);
}

function startThread(workerData: CheckpointTask): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  const program = new URL(
    isSource ? "./checkpoint-thread.source.mjs" : "./checkpoint-thread.js",
    import.meta.url,
  );
  return new Worker(program, { workerData, resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes } });
}
