import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import { PoolError } from "../errors.ts";

export interface ListenAddress {
  /** IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Connections that the kernel keeps for us while we are busy; it takes the smaller of this and its own limit. */
const backlog = 4096;
const keepAliveMs = 30_000;

/** The open servers of all addresses. */
export interface Listeners {
  readonly addresses: readonly ListenAddress[];
  /** Takes no more connections; those that are open stay so. */
  close(): Promise<void>;
}

/**
 * @param onConnection gets the place of its address in the list.
 * @param onError a connection could not be accepted; the server listens on.
 * @throws PoolError STRATUM_PORT_TAKEN, STRATUM_PORT_FORBIDDEN or STRATUM_LISTEN_FAILED; then none is open.
 */
export async function listenAll(
  addresses: readonly ListenAddress[],
  onConnection: (socket: Socket, index: number) => void,
  onError: (address: ListenAddress, error: Error) => void,
): Promise<Listeners> {
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(servers.map(closeServer));
  };
  try {
    for (const [index, address] of addresses.entries()) {
      servers.push(await listen(address, (socket) => onConnection(socket, index), onError));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: servers.map(boundAddress), close };
}

function listen(
  address: ListenAddress,
  onConnection: (socket: Socket) => void,
  onError: (address: ListenAddress, error: Error) => void,
): Promise<Server> {
  const server = createServer(
    // Half-open: a client may end its side before it has read all its answers.
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    onConnection,
  );
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    server.listen({ host: address.host, port: address.port, backlog }, () => {
      server.removeAllListeners("error");
      // After this only accepting can fail, when descriptors run out; the connection limit keeps us from there.
      server.on("error", (error) => onError(address, error));
      resolve(server);
    });
  });
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
