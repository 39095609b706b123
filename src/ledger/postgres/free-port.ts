import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { PoolError } from "../../errors.ts";

// Below the usual range of outgoing connections (32768 and up), so that the port is still free after a restart.
const lowest = 15_000;
const highest = 32_000;

/** @throws PoolError POSTGRES_PORT_TAKEN when a hundred tries find none. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
  throw new PoolError(
    "POSTGRES_PORT_TAKEN",
    `No free port of 127.0.0.1 was found between ${lowest} and ${highest}.`,
    "Set database.url to a Postgres of your own.",
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const probe = createServer();
    probe.once("error", () => settle(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => settle(true)));
  });
}
