/** A worker thread: scans the header it is given, in slices so that it hears of newer work. */
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { loadAddon } from "../native/index.ts";
import { createPace } from "./pace.ts";
import type { FromThread, ScanThreadData, ToThread } from "./scan-messages.ts";

const sliceMs = 70;
const nonces = 2 ** 32;

const port = parentPort!;
const addon = loadAddon();
const pace = createPace((workerData as ScanThreadData).hashesPerSecond);

let work: (ToThread & { kind: "scan" }) | undefined;
let nextNonce = 0;
let isWaiting = true;
let wake = (): void => {};

port.on("message", (message: ToThread) => {
  if (message.kind === "scan") {
    work = message;
    nextNonce = 0;
  }
  isWaiting = false;
  wake();
});

let count = 1 << 16;
for (;;) {
  if (isWaiting || work === undefined) await news();
  else if (nextNonce >= nonces) wait({ kind: "exhausted", hashes: 0, unit: work.unit });
  else await scanAndRest(work);
  await turn();
}

async function scanAndRest(work: ToThread & { kind: "scan" }): Promise<void> {
  const startedMs = performance.now();
  const hashes = scanSlice(work);
  const restMs = pace.rest(hashes, startedMs, performance.now());
  if (restMs > 0) await pause(restMs);
}

/** @returns the hashes made. */
function scanSlice({ unit, header, target }: ToThread & { kind: "scan" }): number {
  const from = nextNonce;
  const slice = Math.min(count, pace.sliceHashes, nonces - from);
  const startedMs = performance.now();
  const nonce = addon.scanNonces(header, target, from, slice);
  if (nonce >= 0) {
    nextNonce = nonce + 1;
    wait({ kind: "found", hashes: nextNonce - from, unit, nonce });
    return nextNonce - from;
  }
  nextNonce = from + slice;
  const tookMs = Math.max(1, performance.now() - startedMs);
  count = Math.round(slice * Math.min(2, Math.max(0.5, sliceMs / tookMs)));
  tell({ kind: "progress", hashes: slice });
  return slice;
}

function wait(message: FromThread): void {
  isWaiting = true;
  tell(message);
}

function tell(message: FromThread): void {
  port.postMessage(message);
}

function news(): Promise<void> {
  return new Promise((resolve) => {
    wake = resolve;
  });
}
