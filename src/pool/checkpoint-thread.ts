/**
 * A thread of the primary that makes checkpoints, so that hours of shares to fold never stand in the way of jobs. It
 * works half of the time only: the workers need the cores more.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { PoolError } from "../errors.ts";
import { keptCheckpoints, makeCheckpoints } from "../ledger/checkpoints.ts";
import { loadAddon } from "../native/index.ts";
import type { CheckpointTask, FromCheckpointThread, Trouble } from "./checkpoint-messages.ts";
import { journalsIn } from "./journals-in.ts";

const sliceMs = 50;

const port = parentPort!;
const { orderLogFile, journals, make } = workerData as CheckpointTask;
let sinceMs = performance.now();

try {
  const kept =
    make === undefined
      ? await keptCheckpoints(orderLogFile, onUnsound)
      : await makeCheckpoints({
          ...{ orderLogFile, ...make, onUnsound, rest },
          openJournal: journalsIn(journals, loadAddon()),
        });
  tell({ kind: "done", kept });
} catch (error) {
  if (!(error instanceof PoolError)) throw error;
  tell({ kind: "failed", trouble: plain(error) });
}

function onUnsound(error: PoolError): void {
  tell({ kind: "unsound", trouble: plain(error) });
}

async function rest(): Promise<void> {
  const workedMs = performance.now() - sinceMs;
  if (workedMs < sliceMs) return;
  await pause(workedMs);
  sinceMs = performance.now();
}

function plain({ code, message, hint }: PoolError): Trouble {
  return { code, message, hint };
}

function tell(message: FromCheckpointThread): void {
  port.postMessage(message);
}
