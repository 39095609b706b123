import { Worker } from "node:worker_threads";
import type { FromThread, ScanThreadData, ToThread } from "./scan-messages.ts";

export interface ScanThreads {
  /** Gives thread `index` a header to scan instead of what it has. */
  scan(index: number, unit: number, header: Uint8Array, target: Uint8Array): void;
  continue(index: number): void;
  stop(): Promise<void>;
}

/**
 * @param hashesPerSecond of all threads together; Infinity for as fast as they can.
 * @param onFailure a thread died: nothing will be scanned there any more.
 */
export function startScanThreads(
  count: number,
  hashesPerSecond: number,
  onMessage: (index: number, message: FromThread) => void,
  onFailure: (error: unknown) => void,
): ScanThreads {
  const workers = Array.from({ length: count }, (_, index) => {
    const worker = startThread({ hashesPerSecond: hashesPerSecond / count });
    worker.on("message", (message: FromThread) => onMessage(index, message));
    worker.on("error", onFailure);
    return worker;
  });
  const tell = (index: number, message: ToThread) => workers[index]!.postMessage(message);
  return {
    scan: (index, unit, header, target) => tell(index, { kind: "scan", unit, header, target }),
    continue: (index) => tell(index, { kind: "continue" }),
    async stop() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

function startThread(workerData: ScanThreadData): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  const program = new URL(isSource ? "./scan-thread.source.mjs" : "./scan-thread.js", import.meta.url);
  return new Worker(program, { workerData });
}
