import { createServer, type Server } from "node:net";
import type { PortSettings } from "../config/index.ts";
import { printListen } from "../config/index.ts";
import { PoolError } from "../errors.ts";

/**
 * Workers share their ports in a way that any other program of the same user may join in (SO_REUSEPORT), and a second
 * pool by mistake would: half of the miners would be its own, unnoticed. So each pool holds a name for each of its ports.
 */
export interface PortGuard {
  close(): Promise<void>;
}

/** @throws PoolError STRATUM_PORT_TAKEN if another pool has one of them. */
export async function guardPorts(ports: readonly PortSettings[]): Promise<PortGuard> {
  const held: Server[] = [];
  const close = async () => {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  try {
    for (const { address } of ports) if (address.port !== 0) held.push(await hold(printListen(address)));
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** A socket in the abstract namespace: it is gone with its process, whatever ends that. */
async function hold(name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return await new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new PoolError(
          "STRATUM_PORT_TAKEN",
          `Another pool of this program listens on ${name}.`,
          "Stop it, or change stratum.listen.",
          { cause },
        ),
      ),
    );
    server.listen(`\0penstock ${name}`, () => resolve(server));
  });
}
