import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import { getSystemErrorName } from "node:util";
import { PoolError } from "../errors.ts";

export interface ListenAddress {
  /** IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Opens a listening socket that shares its port: see native/addon.ts. */
export type ListenOnSharedPort = (address: string, port: number, backlog: number) => number;

/**
 * Connections that wait for us while we are busy: all miners at once, after a restart. The kernel keeps no more of them
 * for one socket than its own limit, so there are as many sockets as it takes. It drops those beyond, and they try again
 * after a second.
 */
const backlog = 16_384;
const keepAliveMs = 30_000;

/** The open servers of all addresses. */
export interface Listeners {
  readonly addresses: readonly ListenAddress[];
  /** Takes no more connections; those that are open stay so. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly addresses: readonly ListenAddress[];
  /** Undefined: Node opens one socket for each address, which no other process can share. */
  readonly listenOnSharedPort: ListenOnSharedPort | undefined;
  /** @param index the place of its address in the list. */
  readonly onConnection: (socket: Socket, index: number) => void;
  /** A connection could not be accepted; the server listens on. */
  readonly onError: (address: ListenAddress, error: Error) => void;
}

/** @throws PoolError STRATUM_PORT_TAKEN, STRATUM_PORT_FORBIDDEN or STRATUM_LISTEN_FAILED; then none is open. */
export async function listenAll(options: ListenOptions): Promise<Listeners> {
  const servers: Server[] = [];
  const addresses: ListenAddress[] = [];
  const close = async () => {
    await Promise.all(servers.map(closeServer));
  };
  const open = async (address: ListenAddress, index: number) => {
    const server = await listen(address, index, options);
    servers.push(server);
    return boundAddress(server);
  };
  try {
    for (const [index, address] of options.addresses.entries()) {
      const bound = await open(address, index);
      addresses.push(bound);
      if (options.listenOnSharedPort === undefined) continue;
      for (let more = socketsNeeded() - 1; more > 0; more--)
        await open({ ...address, port: bound.port }, index);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses, close };
}

function socketsNeeded(): number {
  return Math.ceil(backlog / Math.max(128, Math.min(backlog, kernelBacklog())));
}

function kernelBacklog(): number {
  try {
    return Number(readFileSync("/proc/sys/net/core/somaxconn", "latin1"));
  } catch {
    return backlog; // not Linux
  }
}

async function listen(
  address: ListenAddress,
  index: number,
  { listenOnSharedPort, onConnection, onError }: ListenOptions,
): Promise<Server> {
  const server = createServer(
    // Half-open: a client may end its side before it has read all its answers.
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    (socket) => onConnection(socket, index),
  );
  const where =
    listenOnSharedPort === undefined
      ? { host: address.host, port: address.port }
      : { fd: await openShared(address, listenOnSharedPort) };
  return await new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    // Beside a descriptor Node takes the backlog from nowhere but here.
    server.listen(where, backlog, () => {
      server.removeAllListeners("error");
      // After this only accepting can fail, when descriptors run out; the connection limit keeps us from there.
      server.on("error", (error) => onError(address, error));
      resolve(server);
    });
  });
}

/** @returns a descriptor that the server becomes the owner of. */
async function openShared(address: ListenAddress, listenOnSharedPort: ListenOnSharedPort): Promise<number> {
  const numeric = await lookup(address.host).catch((error: unknown) => {
    throw listenError(address, error as NodeJS.ErrnoException);
  });
  const opened = listenOnSharedPort(numeric.address, address.port, backlog);
  if (opened >= 0) return opened;
  const code = getSystemErrorName(opened);
  throw listenError(
    address,
    Object.assign(new Error(`${code} ${numeric.address}:${address.port}`), { code }),
  );
}

function listenError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): PoolError {
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new PoolError(
        "STRATUM_PORT_TAKEN",
        `Another program listens on ${where}.`,
        `Stop it (\`ss -ltnp\` shows which it is), or change stratum.listen.`,
        { cause: error },
      );
    case "EACCES":
      return new PoolError(
        "STRATUM_PORT_FORBIDDEN",
        `This user may not listen on ${where}.`,
        "Use a port from 1024 on in stratum.listen.",
        { cause: error },
      );
    default:
      return new PoolError(
        "STRATUM_LISTEN_FAILED",
        `Cannot listen on ${where}: ${error.message}.`,
        "Check that stratum.listen names an address of this machine.",
        { cause: error },
      );
  }
}

function boundAddress(server: Server): ListenAddress {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Node calls back when all connections have ended; for us it is enough that no more come in.
    server.close();
    setImmediate(resolve);
  });
}
