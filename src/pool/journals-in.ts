import { join } from "node:path";
import { openJournalReader } from "../journal/index.ts";
import type { OpenJournal } from "../ledger/index.ts";
import type { Addon } from "../native/addon.ts";

/** The readers of the journals in a folder, as the ledger wants them. */
export function journalsIn(
  directory: string,
  addon: Pick<Addon, "crc32c" | "surveyRecords" | "writeShareRows">,
): OpenJournal {
  return async (node) => {
    const reader = openJournalReader({ directory: join(directory, node), addon });
    return {
      next: (after, upTo, maxRecords) => reader.next(after ?? { epoch: 0, sequence: 0 }, upTo, maxRecords),
      nextPacked: (after, upTo, maxRecords) =>
        reader.nextPacked(after ?? { epoch: 0, sequence: 0 }, upTo, maxRecords),
      close: () => reader.close(),
    };
  };
}
