import { resolve } from "node:path";
import type { TestPool } from "./pool.ts";
import { launch, type Running } from "./processes.ts";

const program = resolve(import.meta.dirname, "../../bin/penstock.mjs");

/** The built-in miner as its own process. */
export function launchMiner(pool: Pick<TestPool, "stratumPort">, user: string, threads: number): Running {
  const url = `stratum+tcp://127.0.0.1:${pool.stratumPort}`;
  return launch({
    name: "penstock miner",
    file: process.execPath,
    args: [program, "miner", "--url", url, "--user", user, "--threads", String(threads)],
  });
}
