import { rm, stat } from "node:fs/promises";
import type { Addon } from "../native/addon.ts";
import { syncDirectory } from "./disk.ts";
import type { SequencePosition } from "./record.ts";
import { crc32cOf } from "./recover.ts";
import { comparePositions, listSegments, readHeader } from "./segments.ts";

export interface PruneOptions {
  /** The node's folder. */
  readonly directory: string;
  readonly addon: Pick<Addon, "crc32c">;
  /** Up to where the ledger has this journal. */
  readonly applied: SequencePosition;
  /** Up to where checkpoints stand for this journal; undefined: nowhere yet. */
  readonly covered: SequencePosition | undefined;
  /** How long a segment is kept after its last change. */
  readonly retentionMs: number;
  readonly nowMs: number;
}

export interface Pruned {
  readonly deleted: readonly string[];
  /** Whether one was left only for want of a checkpoint. */
  readonly waiting: boolean;
  /** Size of all that are left. */
  readonly keptBytes: number;
}

/**
 * Deletes, from the oldest on, the segments that the ledger has wholly applied, that checkpoints stand for and whose
 * retention is over. Needs no lock: the newest two stay, which are all that a writer or a recovery ever touches.
 */
export async function pruneSegments(options: PruneOptions): Promise<Pruned> {
  const { directory, addon, applied, covered, retentionMs, nowMs } = options;
  const crc32c = crc32cOf(addon);
  const segments = await listSegments(directory);
  const deleted: string[] = [];
  let waiting = false;
  for (const [index, file] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || index >= segments.length - 2) break;
    if (nowMs - (await stat(file.path)).mtimeMs < retentionMs) break;
    // The next segment's header says where this one ends.
    const { previous } = await readHeader(next, crc32c);
    if (comparePositions(previous, applied) > 0) break;
    waiting = covered === undefined || comparePositions(previous, covered) > 0;
    if (waiting) break;
    await rm(file.path);
    deleted.push(file.path);
  }
  if (deleted.length > 0) await syncDirectory(directory);
  let keptBytes = 0;
  for (const { path } of segments.slice(deleted.length)) keptBytes += (await stat(path)).size;
  return { deleted, waiting, keptBytes };
}
