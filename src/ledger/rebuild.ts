/** Carries batches out again in the order of the order log, in memory; where that begins is in the ledger given. */
import type { OpenJournal } from "./journal-source.ts";
import { Journals } from "./journals.ts";
import type { MemoryLedger } from "./memory.ts";
import type { OrderEntry } from "./order-log.ts";
import type { ShareSums } from "./share-sums.ts";

/**
 * @returns each entry when the ledger has it; who has enough stops asking.
 * @throws PoolError LEDGER_JOURNAL_MISSING, JOURNAL_…, ORDER_LOG_…
 */
export async function* rebuild<Entry extends OrderEntry>(
  ledger: MemoryLedger,
  sums: ShareSums,
  entries: AsyncIterable<Entry>,
  openJournal: OpenJournal,
): AsyncGenerator<Entry> {
  const journals = new Journals(openJournal);
  try {
    for await (const entry of entries) {
      const batch = await journals.read(entry);
      ledger.apply(batch);
      for (const record of batch.records) sums.record(record);
      yield entry;
    }
  } finally {
    await journals.close();
  }
}
