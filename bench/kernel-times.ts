import { fileURLToPath } from "node:url";
import { buildCoreProgram } from "../scripts/build-native.mjs";
import { capture } from "../scripts/lib/run.mjs";

/** What bench/native/kernels.cpp prints, in nanoseconds. */
export interface KernelTimes {
  readonly name: string;
  /** One compression of a long message. */
  readonly compress: number;
  /** One double hash, by how many were asked for at once. */
  readonly double64: Readonly<Record<string, number>>;
  readonly double80: Readonly<Record<string, number>>;
  /** All hashing of one share (coinbase of 250 bytes, 12 branches), by how many were judged side by side. */
  readonly shares: Readonly<Record<string, number>>;
  readonly branch5000: number;
  readonly root5000: number;
  /** One nonce of a search. */
  readonly scan: number;
}

/** Every kernel that this processor can run, best first, without JavaScript in between. Takes some ten seconds. */
export async function measureKernels(): Promise<readonly KernelTimes[]> {
  const source = fileURLToPath(new URL("native/kernels.cpp", import.meta.url));
  const { path } = await buildCoreProgram({ log: console.error, source, flags: ["-O3"] });
  const { code, stdout, stderr } = await capture(path, []);
  if (code !== 0) throw new Error(`${path} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** The least time of one call, of many short runs: what else the machine does only makes it longer. In nanoseconds. */
export function time(call: () => void): number {
  const run = (calls: number): number => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) call();
    return Number(process.hrtime.bigint() - start);
  };
  for (const start = Date.now(); Date.now() - start < 100; ) run(1);
  const calls = Math.max(1, Math.round(2e6 / (run(1) + 200)));
  let least = run(calls);
  for (let i = 0; i < 150; i++) least = Math.min(least, run(calls));
  return least / calls;
}
