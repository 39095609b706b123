import { runWorker } from "../pool/worker.ts";

/** A stratum worker: a child of `penstock serve`, which speaks to it over the process channel. */
export async function runWorkerProcess(): Promise<number> {
  await runWorker();
  return 0;
}
