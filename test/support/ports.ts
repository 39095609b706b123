import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below Linux's range for outgoing connections (32768 and up), so that no client of a parallel test takes the port
// between our look and the server's start; drawn at random, so that two test processes rarely try the same one.
const LOWEST = 10_240;
const HIGHEST = 32_000;
const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on; never the same one twice in one process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST}`);
}

/** Several free ports, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
