import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { PoolError } from "../errors.ts";
import {
  type ControlAnswer,
  type ControlCommand,
  type ControlRequest,
  encodeRequest,
  maxAnswerBytes,
  readAnswer,
} from "./protocol.ts";
import { controlPath, firstLine } from "./socket.ts";

export interface AskOptions {
  /** Of the pool that is asked. */
  readonly dataDirectory: string;
  readonly timeoutMs?: number;
}

/** Longer than the server gives itself. */
const usualTimeoutMs = 35_000;

/**
 * Tells the running pool of a data directory to do something.
 * @throws PoolError CONTROL_POOL_NOT_RUNNING, CONTROL_FORBIDDEN, CONTROL_UNREACHABLE, CONTROL_NO_ANSWER,
 * CONTROL_PATH_TOO_LONG, CONTROL_ANSWER_MALFORMED, and whatever the pool answers.
 */
export async function askPool<C extends ControlCommand>(
  { dataDirectory, timeoutMs = usualTimeoutMs }: AskOptions,
  command: C,
  request: ControlRequest<C>,
): Promise<ControlAnswer<C>> {
  const path = controlPath(dataDirectory);
  const socket = await connectTo(path);
  const deadline = setTimeout(() => socket.destroy(), timeoutMs);
  try {
    socket.write(encodeRequest(command, request));
    const line = await firstLine(socket, maxAnswerBytes);
    if (line !== undefined) return readAnswer(command, line);
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
  throw new PoolError(
    "CONTROL_NO_ANSWER",
    `The pool behind ${path} did not answer the command.`,
    "See the pool's log; whether the command was carried out is not known.",
  );
}

async function connectTo(path: string): Promise<Socket> {
  const socket = connect({ path });
  try {
    await once(socket, "connect");
  } catch (error) {
    throw notReached(path, error as NodeJS.ErrnoException);
  }
  // What goes wrong from here on ends the reading of the answer.
  socket.on("error", () => {});
  return socket;
}

function notReached(path: string, cause: NodeJS.ErrnoException): PoolError {
  // The file of a pool that was killed refuses; one that was stopped is gone.
  if (cause.code === "ENOENT" || cause.code === "ECONNREFUSED" || cause.code === "ENOTDIR") {
    return new PoolError(
      "CONTROL_POOL_NOT_RUNNING",
      `No pool is running with this configuration: nothing answers on ${path}.`,
      "Start it with `penstock serve`, or name the configuration of the running one with --config.",
      { cause },
    );
  }
  if (cause.code === "EACCES" || cause.code === "EPERM") {
    return new PoolError(
      "CONTROL_FORBIDDEN",
      `This user may not open the control socket ${path}.`,
      "Run the command as the user that the pool runs as.",
      { cause },
    );
  }
  return new PoolError(
    "CONTROL_UNREACHABLE",
    `The control socket ${path} cannot be opened: ${cause.message}.`,
    "Check dataDirectory and the pool's log.",
    { cause },
  );
}
