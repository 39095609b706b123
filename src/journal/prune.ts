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
  /** How long a segment is kept after its last change. */
  readonly retentionMs: number;
  readonly nowMs: number;
}

/**
 * Deletes, from the oldest on, the segments that the ledger has wholly applied and whose retention is over. Needs no
 * lock: the newest two stay, which are all that a writer or a recovery ever touches.
 * @returns what was deleted, and the size of what is kept.
 */
export async function pruneSegments(
  options: PruneOptions,
): Promise<{ readonly deleted: string[]; readonly keptBytes: number }> {
  const { directory, addon, applied, retentionMs, nowMs } = options;
  const crc32c = crc32cOf(addon);
  const segments = await listSegments(directory);
  const deleted: string[] = [];
  for (const [index, file] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || index >= segments.length - 2) break;
    if (nowMs - (await stat(file.path)).mtimeMs < retentionMs) break;
    // The next segment's header says where this one ends.
    const { previous } = await readHeader(next, crc32c);
    if (comparePositions(previous, applied) > 0) break;
    await rm(file.path);
    deleted.push(file.path);
  }
  if (deleted.length > 0) await syncDirectory(directory);
  let keptBytes = 0;
  for (const { path } of segments.slice(deleted.length)) keptBytes += (await stat(path)).size;
  return { deleted, keptBytes };
}
