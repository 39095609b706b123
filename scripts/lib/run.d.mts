import type { SpawnOptions } from "node:child_process";

export function capture(
  file: string,
  args: readonly string[],
  options?: SpawnOptions,
): Promise<{
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}>;

export function attach(file: string, args: readonly string[], options?: SpawnOptions): Promise<number>;
