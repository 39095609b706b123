/**
 * A process of its own that writes a journal: it can be killed, and its disk can fail under it. Told what to do over
 * the process channel, see journal-process.ts.
 */
import { writeSync } from "node:fs";
import { type Journal, openJournal } from "../../../src/journal/index.ts";
import { addon, aShare } from "../journal.ts";
import { silentLog } from "../silent-log.ts";
import type { Order, Report, WriterOptions } from "./journal-process.ts";

const options = JSON.parse(process.argv[2]!) as WriterOptions;
const send = (report: Report) => process.send?.(report);

/** Shares in every turn of the event loop, for ever; each answer goes to a pipe, a line for each. */
function mine(journal: Journal, first: number, perTurn: number, pipe: number): void {
  let number = first;
  let waiting = 0;
  const turn = () => {
    for (let i = 0; i < perTurn && waiting < 1_000; i++) {
      const own = number++;
      waiting++;
      journal.append(aShare(own), (durable) => {
        waiting--;
        if (durable) writeSync(pipe, `${own}\n`);
      });
    }
    setImmediate(turn);
  };
  turn();
}

function obey(journal: Journal, order: Order): void {
  switch (order.type) {
    case "append": {
      const sequences: number[] = [];
      const outcomes: boolean[] = [];
      for (let i = 0; i < order.count; i++) {
        const sequence = journal.append(aShare(order.first + i), (durable) => {
          if (durable && options.ackFd !== undefined) writeSync(options.ackFd, `${sequences[i]}\n`);
          outcomes.push(durable);
          if (outcomes.length === order.count) send({ type: "appended", sequences, outcomes });
        });
        sequences.push(sequence);
      }
      return;
    }
    case "state":
      return void send({ type: "state", state: journal.state, reason: journal.stateReason });
    case "close":
      void journal.close().then(
        () => send({ type: "closed" }),
        (error) => send({ type: "failed", code: error.code, message: error.message }),
      );
  }
}

try {
  const journal = await openJournal({
    ...options.journal,
    addon,
    log: silentLog,
    onState: (state, reason) => send({ type: "state", state, reason }),
    onFailure: ({ code, message }) => send({ type: "failed", code, message }),
  });
  process.on("message", (order: Order) => obey(journal, order));
  process.once("disconnect", () => process.exit(0));
  send({ type: "open", epoch: journal.epoch, committed: journal.committed.sequence });
  if (options.mine !== undefined) mine(journal, options.mine.first, options.mine.perTurn, 1);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  send({ type: "refused", code, message });
  process.disconnect?.();
}
