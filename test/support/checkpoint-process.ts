/** Makes checkpoints, one every so many records, until it is killed: `ORDER_LOG JOURNALS UP_TO MAX_RECORDS`. */
import { makeCheckpoints } from "../../src/ledger/index.ts";
import { journalsIn } from "../../src/pool/journals-in.ts";
import { addon } from "./journal.ts";

const [orderLogFile, journals, upTo, maxRecords] = process.argv.slice(2) as [string, string, string, string];
let batches = 0;
await makeCheckpoints({
  ...{ orderLogFile, upTo: Number(upTo), maxRecords: Number(maxRecords), firstDay: 0 },
  openJournal: journalsIn(journals, addon),
  rest: async () => {
    batches += 1;
    process.stdout.write(`batch ${batches}\n`);
  },
});
process.stdout.write("done\n");
