/** What both ends of the control socket share: where it is, and how a line is read from it. */
import type { Socket } from "node:net";
import { join } from "node:path";
import { PoolError } from "../errors.ts";

/** The kernel's sun_path has 108 bytes, the last of which is zero; a longer path would be cut short in silence. */
const maxPathBytes = 107;

/** @throws PoolError CONTROL_PATH_TOO_LONG */
export function controlPath(dataDirectory: string): string {
  const path = join(dataDirectory, "control.sock");
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxPathBytes) return path;
  throw new PoolError(
    "CONTROL_PATH_TOO_LONG",
    `The path of the control socket, ${path}, has ${bytes} bytes; the system takes ${maxPathBytes}.`,
    "Set dataDirectory to a folder with a shorter path.",
  );
}

/** @returns the first line that comes, without its newline; undefined if none comes or it would exceed the limit. */
export function firstLine(socket: Socket, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const done = (line: string | undefined) => {
      socket.off("data", take).off("end", nothing).off("close", nothing);
      socket.resume();
      resolve(line);
    };
    const nothing = () => done(undefined);
    const take = (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      bytes += part.length;
      chunks.push(part);
      if (bytes > maxBytes) done(undefined);
      else if (end >= 0) done(Buffer.concat(chunks).toString("utf8"));
    };
    socket.on("data", take).on("end", nothing).on("close", nothing);
  });
}
