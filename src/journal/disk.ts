/** Plain file descriptors for the writer: whole writes, and directories made durable. */
import { fdatasync, ftruncate, open as openFile, write } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { getSystemErrorName, promisify } from "node:util";

export const openDescriptor = promisify(openFile);
export const syncData = promisify(fdatasync);
export const truncate = promisify(ftruncate);

/** As Node's own file calls fail. @param errno as the kernel says it, positive. */
export function systemError(errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: a write to the disk failed`), { code, errno: -errno });
}

/** Writes all of bytes[0, length) at `position`, however the kernel cuts it. */
function writeAll(
  fd: number,
  bytes: Uint8Array,
  length: number,
  position: number,
  done: (error: NodeJS.ErrnoException | null) => void,
): void {
  let written = 0;
  const writeRest = () => write(fd, bytes, written, length - written, position + written, step);
  const step = (error: NodeJS.ErrnoException | null, count: number): void => {
    if (error === null) written += count;
    if (error !== null) done(error);
    else if (written === length) done(null);
    // A regular file takes at least one byte or says why not; without this a silent zero would loop for ever.
    else if (count === 0) done(new Error(`the kernel wrote ${written} of ${length} bytes`));
    else writeRest();
  };
  writeRest();
}

export function writeFully(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    writeAll(fd, bytes, bytes.length, position, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Makes the names in a folder durable: without it a new or renamed file may be gone after a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder and those above it that are missing, with their names on the disk. */
export async function makeDurableDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    await syncDirectory(folder);
    if (folder === top || folder === dirname(folder)) return;
  }
}
