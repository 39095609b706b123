import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { loadConfig } from "../config/index.ts";
import { PoolError } from "../errors.ts";
import { startPool } from "../pool/primary.ts";

/** `penstock serve`: runs until SIGINT or SIGTERM, then stops everything in order. */
export async function runServe(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { config: { type: "string" }, role: { type: "string", default: "all" } },
  });
  if (values.role !== "all") {
    throw new PoolError(
      "ROLE_UNAVAILABLE",
      `This version runs all parts in one place; it has no role "${values.role}".`,
      "Start it without --role.",
    );
  }
  process.title = "penstock primary";
  const config = await loadConfig(values.config);
  const stopAsked = new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  const pool = await startPool({ config, cores: availableParallelism(), program: process.argv[1]! });
  // Whichever comes first: somebody wants it to stop, or it cannot go on.
  const failure = await Promise.race([stopAsked.then(() => undefined), pool.failed]);
  await pool.close();
  if (failure !== undefined) throw failure;
  return 0;
}
