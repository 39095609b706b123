/**
 * The control socket of a running pool: `control.sock` in its data directory. There is no login: whoever may open the
 * file, its owner and root (mode 0600), may say everything. It is never reachable over a network.
 */
import { lstat, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { describeError, PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import {
  type ControlHandlers,
  encodeAnswer,
  encodeFailure,
  handleRequest,
  maxRequestBytes,
} from "./protocol.ts";
import { controlPath, firstLine } from "./socket.ts";

export interface ControlOptions {
  readonly dataDirectory: string;
  readonly handlers: ControlHandlers;
  readonly log: Logger;
  /** For a whole connection, from opening to the last byte of the answer. */
  readonly deadlineMs?: number;
}

export interface ControlServer {
  readonly path: string;
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
}

const usualDeadlineMs = 30_000;
/** More are closed at once: commands are typed by people. */
const maxConnections = 16;
const ownerOnly = 0o177;

/** @throws PoolError CONTROL_PATH_TOO_LONG, CONTROL_IN_USE, CONTROL_SOCKET_UNUSABLE */
export async function openControl(options: ControlOptions): Promise<ControlServer> {
  const path = controlPath(options.dataDirectory);
  await removeStale(path);
  const sockets = new Set<Socket>();
  // The client may close its side behind its request.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    void serve(socket, options);
  });
  server.maxConnections = maxConnections;
  await listen(server, path).catch((cause) => {
    throw unusable(path, (cause as Error).message, cause);
  });
  server.on("error", (err) =>
    options.log.error({ event: "control-accept-failed", err }, "a command could not be accepted"),
  );
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        // Closing removes the file as well.
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(socket: Socket, options: ControlOptions): Promise<void> {
  const deadline = setTimeout(() => socket.destroy(), options.deadlineMs ?? usualDeadlineMs);
  socket.once("close", () => clearTimeout(deadline));
  // A client that went away is nothing to report; "close" follows.
  socket.on("error", () => {});
  const line = await firstLine(socket, maxRequestBytes);
  if (line === undefined) socket.destroy();
  else socket.end(await answerTo(line, options), () => socket.destroy());
}

/** @returns the answer, or what is wrong, as a line. */
async function answerTo(line: string, { handlers, log }: ControlOptions): Promise<string> {
  try {
    return encodeAnswer(await handleRequest(line, handlers));
  } catch (error) {
    if (error instanceof PoolError) return encodeFailure(error);
    log.error({ event: "control-failed", err: error }, "a command met a bug; the pool goes on");
    return encodeFailure(
      new PoolError(
        "CONTROL_FAILED",
        `The command failed: ${describeError(error)}.`,
        "This is a bug; please report it with the pool's log.",
      ),
    );
  }
}

/** The file is made with its mode: there is no moment in which somebody else could open it. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const before = process.umask(ownerOnly);
    try {
      server.listen({ path, exclusive: true }, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

/** A process that was killed leaves its socket behind; one that answers is alive and keeps it. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw unusable(path, cause.message, cause);
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw unusable(path, "something else is in its place");
  if (await isServed(path)) {
    throw new PoolError(
      "CONTROL_IN_USE",
      `Another pool answers on ${path}.`,
      "Stop it, or give each pool its own dataDirectory.",
    );
  }
  await unlink(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw unusable(path, cause.message, cause);
  });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else if (error.code === "EAGAIN") resolve(true);
      else reject(unusable(path, error.message, error));
    });
  });
}

function unusable(path: string, why: string, cause?: unknown): PoolError {
  return new PoolError(
    "CONTROL_SOCKET_UNUSABLE",
    `The control socket ${path} cannot be made: ${why}.`,
    "Let the pool's user write in dataDirectory; move away what is in the socket's place.",
    { cause },
  );
}
