/**
 * The checkpoints beside the order log. The newest two sound ones are kept, and journals are pruned only up to where the
 * older of them reaches: should the newest turn out damaged, the journals still go on from the one before it.
 */
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PoolError } from "../errors.ts";
import { syncDirectory } from "../journal/disk.ts";
import type { SequencePosition } from "../journal/record.ts";
import {
  type Checkpoint,
  CheckpointWriter,
  kindOf,
  openCheckpoint,
  parseLine,
  startFrom,
} from "./checkpoint.ts";
import type { OpenJournal } from "./journal-source.ts";
import { MemoryLedger } from "./memory.ts";
import { holdsMark, type OrderMark, readOrderLog } from "./order-log.ts";
import { rebuild } from "./rebuild.ts";
import { ShareSums } from "./share-sums.ts";

export const checkpointsKept = 2;
/** What one checkpoint adds at most, so that memory and what a crash costs stay small when there is much to do. */
const defaultMaxRecords = 20_000_000;
const maxNewCredits = 1_000_000;

export interface CheckpointOptions {
  /** The checkpoints lie beside it. */
  readonly orderLogFile: string;
  readonly openJournal: OpenJournal;
  /** The batch to reach: one that the database has committed, whose line in the order log is therefore durable. */
  readonly upTo: number;
  /** Shares of earlier days since 1970 are not summed any more. */
  readonly firstDay: number;
  /** A checkpoint that cannot be used; another is. */
  readonly onUnsound?: (error: PoolError) => void;
  /** Called after every batch: the place to let others work. */
  readonly rest?: () => Promise<void>;
  readonly maxRecords?: number;
}

/** Plain data: it crosses threads. */
export interface KeptCheckpoint {
  readonly file: string;
  readonly batch: number;
  readonly madeMs: number;
  readonly positions: ReadonlyMap<string, SequencePosition>;
}

/**
 * The newest sound checkpoints up to a batch, newest first; they are to be closed.
 * @param onUnsound gets those that are damaged, of another format or of another order log.
 */
export async function soundCheckpoints(
  orderLogFile: string,
  upTo: number,
  count: number,
  onUnsound: (error: PoolError) => void = () => {},
): Promise<Checkpoint[]> {
  const sound: Checkpoint[] = [];
  for (const { file, batch } of await listCheckpoints(orderLogFile)) {
    if (sound.length === count) break;
    if (batch > upTo) continue;
    try {
      sound.push(await openFor(orderLogFile, file, batch));
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      onUnsound(error);
    }
  }
  return sound;
}

/** The newest two sound checkpoints, newest first. */
export async function keptCheckpoints(
  orderLogFile: string,
  onUnsound?: (error: PoolError) => void,
): Promise<KeptCheckpoint[]> {
  const sound = await soundCheckpoints(orderLogFile, Number.MAX_SAFE_INTEGER, checkpointsKept, onUnsound);
  const kept: KeptCheckpoint[] = [];
  for (const { file, head, close } of sound) {
    await close();
    const { mtimeMs } = await stat(file);
    kept.push({ file, batch: head.mark.batch, madeMs: mtimeMs, positions: head.positions });
  }
  return kept;
}

/**
 * Makes checkpoints until one stands at `upTo`, each of the one before it and the journals, and removes what they replace.
 * @returns those that are kept, newest first.
 * @throws PoolError CHECKPOINT_UNWRITABLE, LEDGER_JOURNAL_MISSING, JOURNAL_…, ORDER_LOG_…
 */
export async function makeCheckpoints(options: CheckpointOptions): Promise<KeptCheckpoint[]> {
  const { orderLogFile, upTo, onUnsound } = options;
  for (;;) {
    const [newest] = await soundCheckpoints(orderLogFile, Number.MAX_SAFE_INTEGER, 1, onUnsound);
    try {
      if ((newest?.head.mark.batch ?? 0) >= upTo || !(await makeNext(newest, options))) break;
    } finally {
      await newest?.close();
    }
  }
  const kept = await keptCheckpoints(orderLogFile);
  await removeOthers(orderLogFile, kept);
  return kept;
}

/** @returns false if the order log has nothing more. */
async function makeNext(previous: Checkpoint | undefined, options: CheckpointOptions): Promise<boolean> {
  const { orderLogFile, openJournal, upTo, rest, maxRecords = defaultMaxRecords } = options;
  const firstDay = Math.max(options.firstDay, previous?.head.firstDay ?? 0);
  const ledger = new MemoryLedger(previous && (await startFrom(previous)));
  const sums = new ShareSums((day) => day >= firstDay);
  const positions = new Map(previous?.head.positions);
  const entries = readOrderLog(orderLogFile, 1, previous?.head.mark);
  let mark: OrderMark | undefined;
  let records = 0;
  for await (const entry of rebuild(ledger, sums, entries, openJournal)) {
    const { node, epoch, first, last, batch, checksum, end } = entry;
    positions.set(node, { epoch, sequence: last });
    mark = { batch, checksum, end };
    records += last - first + 1;
    if (batch >= upTo || records >= maxRecords || ledger.credits >= maxNewCredits) break;
    await rest?.();
  }
  if (mark === undefined) return false;
  const { closed, nextId, largestWindow } = ledger.pplns;
  const head = { mark, positions, shares: ledger.shares, firstDay, closed, nextId, largestWindow };
  await writeDurably(fileOf(orderLogFile, mark.batch), async (writer) => {
    await writer.head(head);
    for (const slice of ledger.pplns.slices) {
      await writer.line({ kind: "slice", slice, works: ledger.works.get(slice.id)! });
    }
    for await (const text of previous?.texts() ?? []) if (staysFrom(firstDay, text)) await writer.text(text);
    for (const sum of sums.sums.values()) await writer.line({ kind: "sum", sum });
    for (const block of ledger.blocks.values()) await writer.line({ kind: "block", block });
  });
  return true;
}

/** Whether a line of the checkpoint before goes into the next one as it is. */
function staysFrom(firstDay: number, text: string): boolean {
  if (kindOf(text) === "block") return true;
  if (kindOf(text) !== "sum") return false;
  const line = parseLine(text);
  return line.kind === "sum" && line.sum.day >= firstDay;
}

async function writeDurably(file: string, write: (writer: CheckpointWriter) => Promise<void>): Promise<void> {
  const temporary = `${file}.tmp`;
  try {
    const handle = await open(temporary, "w");
    try {
      const writer = new CheckpointWriter(handle);
      await write(writer);
      await writer.end();
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw new PoolError(
      "CHECKPOINT_UNWRITABLE",
      `The checkpoint ${file} cannot be written: ${(error as Error).message}.`,
      "Check the disk's space and the folder's permissions; journals are kept until it is written.",
      { cause: error },
    );
  }
}

/** Everything older than the newest goes, and what a crash left half written. */
async function removeOthers(orderLogFile: string, kept: readonly KeptCheckpoint[]): Promise<void> {
  const [newest] = kept;
  if (newest === undefined) return;
  const folder = dirname(orderLogFile);
  for (const name of await readdir(folder)) {
    if (/^checkpoint-\d+\.ndjson\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
  }
  for (const { file, batch } of await listCheckpoints(orderLogFile)) {
    if (batch < newest.batch && !kept.some((other) => other.file === file)) await rm(file, { force: true });
  }
}

async function openFor(orderLogFile: string, file: string, batch: number): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(file);
  const { mark } = checkpoint.head;
  if (mark.batch === batch && (await holdsMark(orderLogFile, mark))) return checkpoint;
  await checkpoint.close();
  throw new PoolError(
    "CHECKPOINT_FOREIGN",
    `The checkpoint ${file} does not belong to the order log ${orderLogFile}: they disagree on batch ${batch}.`,
    "They are not from the same pool or the same time: bring back the ones that belong together.",
  );
}

/** Newest first. */
async function listCheckpoints(orderLogFile: string): Promise<{ file: string; batch: number }[]> {
  const folder = dirname(orderLogFile);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const batch = /^checkpoint-(\d+)\.ndjson$/.exec(name)?.[1];
      return batch === undefined ? [] : [{ file: join(folder, name), batch: Number(batch) }];
    })
    .sort((left, right) => right.batch - left.batch);
}

function fileOf(orderLogFile: string, batch: number): string {
  return join(dirname(orderLogFile), `checkpoint-${batch}.ndjson`);
}
