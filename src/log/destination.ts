import { fstatSync, write } from "node:fs";

export interface Destination {
  /** Takes a line (with its line feed), or drops and counts it when too many wait. Never blocks, never throws. */
  write(line: string): void;
  /** Resolves when every line taken so far is written, or after the limit. */
  drain(limitMs: number): Promise<void>;
}

export interface DestinationOptions {
  /** An open descriptor: 1 is standard output, 2 standard error; any other must not be a pipe. */
  readonly fd: number;
  /** Most characters that wait while the reader or the disk is slow. */
  readonly maxQueued: number;
  /** Lines that are lost: because too many waited, or because writing failed. */
  readonly onDropped: (lines: number) => void;
  /** Lines are being written again after `lines` were lost. */
  readonly onRecovered: (lines: number) => void;
}

/**
 * Writes to a pipe of at most this size are atomic (POSIX, PIPE_BUF on Linux): several processes share one standard
 * output, and their lines must not be mixed.
 */
const pipeBatchBytes = 4096;
const fileBatchBytes = 65_536;

type WriteBatch = (batch: string, done: (error: Error | null | undefined) => void) => void;

/**
 * A bounded queue in front of a descriptor, one write in flight. A reader that stands still (a stuck terminal, a log
 * collector that hangs, a full disk) costs lines, never the event loop.
 */
export function createDestination(options: DestinationOptions): Destination {
  const { fd, maxQueued, onDropped, onRecovered } = options;
  const piped = isPipe(fd);
  const writeBatch = piped ? pipeWriter(fd) : fileWriter(fd);
  const batchBytes = piped ? pipeBatchBytes : fileBatchBytes;
  const queue: string[] = [];
  let queued = 0;
  let writing = false;
  let lost = 0;
  let waiting: (() => void)[] = [];

  function takeBatch(): string[] {
    let bytes = 0;
    const end = queue.findIndex((line, index) => {
      bytes += Buffer.byteLength(line);
      return index > 0 && bytes > batchBytes;
    });
    return queue.splice(0, end === -1 ? queue.length : end);
  }

  function drop(lines: number): void {
    lost += lines;
    onDropped(lines);
  }

  function pump(): void {
    if (writing) return;
    if (queue.length === 0) {
      for (const resolve of waiting) resolve();
      waiting = [];
      return;
    }
    writing = true;
    const lines = takeBatch();
    const batch = lines.join("");
    writeBatch(batch, (error) => {
      writing = false;
      queued -= batch.length;
      if (error) drop(lines.length);
      else if (lost > 0) {
        const recovered = lost;
        lost = 0;
        onRecovered(recovered);
      }
      pump();
    });
  }

  return {
    write(line) {
      if (queued + line.length > maxQueued) {
        drop(1);
        return;
      }
      queued += line.length;
      queue.push(line);
      pump();
    },
    async drain(limitMs) {
      if (!writing && queue.length === 0) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        timer = setTimeout(resolve, limitMs);
      });
      clearTimeout(timer);
    },
  };
}

function isPipe(fd: number): boolean {
  const found = fstatSync(fd);
  return found.isFIFO() || found.isSocket();
}

/**
 * Through libuv's non-blocking pipe: a write that waits for its reader is no thread that waits, which would also keep
 * the process from exiting.
 */
function pipeWriter(fd: number): WriteBatch {
  const stream = [process.stdout, process.stderr].find((standard) => standard.fd === fd);
  if (stream === undefined) throw new TypeError("only standard output and standard error can be pipes");
  // Each failed write says so to its callback as well; without a listener it would end the process.
  stream.on("error", () => {});
  return (batch, done) => void stream.write(batch, done);
}

function fileWriter(fd: number): WriteBatch {
  return (batch, done) => {
    const bytes = Buffer.from(batch);
    const writeFrom = (start: number) =>
      write(fd, bytes, start, bytes.length - start, null, (error, written) => {
        if (error) done(error);
        else if (start + written < bytes.length) writeFrom(start + written);
        else done(null);
      });
    writeFrom(0);
  };
}
