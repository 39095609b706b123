import { close, fsync, write } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Clock } from "../clock.ts";
import type { Addon } from "../native/addon.ts";
import { encodeEndMark } from "./codec.ts";
import { openDescriptor, syncData, systemError, truncate, writeFully } from "./disk.ts";
import { type Crc32c, encodeHeader, headerBytes, segmentName, spareName } from "./format.ts";
import type { Durability, SequencePosition } from "./record.ts";

const syncAll = promisify(fsync);
const closeDescriptor = promisify(close);
const writeOnce = promisify(write);

const zeros = Buffer.alloc(1024 * 1024);
/** Zeros are synced in steps, so that a commit never waits behind a whole segment of them. */
const syncEveryBytes = 4 * zeros.length;

export interface SegmentWriterOptions {
  readonly directory: string;
  readonly node: string;
  readonly epoch: number;
  readonly durability: Durability;
  readonly segmentBytes: number;
  readonly crc32c: Crc32c;
  readonly addon: Pick<Addon, "writeToDisk">;
  readonly clock: Clock;
  /** Work in the background failed: the journal cannot go on. */
  readonly onError: (error: Error) => void;
}

interface Segment {
  readonly fd: number;
  readonly path: string;
  length: number;
}

/**
 * The files under one epoch of a journal.
 *
 *   (nothing) ──prepare()──► spare: zeros, synced ──rotate()──► current ──next rotate()──► sealed
 *
 * Zeros are written, not just reserved: then a commit changes no metadata that fdatasync would have to flush, and a
 * full disk shows here, where no share is at stake. A segment has its name only once its header is durable, and takes
 * records only once its name is.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #directoryFd: number;
  #current: Segment | undefined;
  #spareFd: number | undefined;
  #preparing: Promise<void> | undefined;
  #sealing: Promise<void> = Promise.resolve();
  #leaving = false;

  static async open(options: SegmentWriterOptions): Promise<SegmentWriter> {
    // Held open: to sync a name must not fail for want of descriptors.
    return new SegmentWriter(options, await openDescriptor(options.directory, "r"));
  }

  private constructor(options: SegmentWriterOptions, directoryFd: number) {
    this.#options = options;
    this.#directoryFd = directoryFd;
  }

  /** Most bytes of records that one segment takes. */
  get capacity(): number {
    return this.#options.segmentBytes - headerBytes;
  }

  fits(length: number): boolean {
    return this.#current !== undefined && this.#current.length + length <= this.#options.segmentBytes;
  }

  /** Whether the next segment is ready. */
  get hasSpare(): boolean {
    return this.#spareFd !== undefined;
  }

  /** Makes the next segment, unless it is there or being made. Leaves nothing behind when it fails. */
  prepare(): Promise<void> {
    if (this.#spareFd !== undefined) return Promise.resolve();
    this.#preparing ??= this.#makeSpare().finally(() => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  async #makeSpare(): Promise<void> {
    const path = this.#sparePath;
    // A file of its own each time: after a failed sync nothing is known of the old one's pages.
    await rm(path, { force: true });
    const fd = await openDescriptor(path, "wx", 0o640);
    try {
      const { segmentBytes } = this.#options;
      for (let offset = 0; offset < segmentBytes; offset += zeros.length) {
        if (this.#leaving) throw new Error("the journal is being closed");
        const length = Math.min(zeros.length, segmentBytes - offset);
        await writeFully(fd, zeros.subarray(0, length), offset);
        if ((offset + length) % syncEveryBytes === 0) await syncData(fd);
      }
      await syncAll(fd);
    } catch (error) {
      await closeDescriptor(fd);
      await rm(path, { force: true });
      throw error;
    }
    this.#spareFd = fd;
  }

  get #sparePath(): string {
    return join(this.#options.directory, spareName);
  }

  /** Goes on in the spare, which must be there, from `firstSequence` on; seals the segment so far in the background. */
  async rotate(firstSequence: number, previous: SequencePosition): Promise<void> {
    const { directory, node, epoch, durability, crc32c, clock } = this.#options;
    const fd = this.#spareFd;
    if (fd === undefined) throw new Error("there is no segment to go on in");
    const createdMs = Math.max(0, Math.floor(clock.wallMs()));
    const header = { node, epoch, firstSequence, previous, durability, createdMs };
    await writeFully(fd, encodeHeader(header, crc32c), 0);
    await syncData(fd);
    const path = join(directory, segmentName(header));
    await rename(this.#sparePath, path);
    await syncAll(this.#directoryFd);
    this.#spareFd = undefined;
    const sealed = this.#current;
    this.#current = { fd, path, length: headerBytes };
    if (sealed !== undefined) this.#seal(sealed);
  }

  #seal({ fd, length }: Segment): void {
    this.#sealing = this.#sealing
      .then(() => truncate(fd, length))
      .then(() => syncAll(fd))
      .then(() => closeDescriptor(fd))
      .catch(this.#options.onError);
  }

  /** Appends one commit; `done` when it is as durable as was asked for. */
  write(bytes: Uint8Array, length: number, done: (error: Error | null) => void): void {
    const current = this.#current!;
    const { addon, durability } = this.#options;
    addon.writeToDisk(current.fd, bytes, length, current.length, durability === "fsync", (errno) => {
      if (errno !== 0) return done(systemError(errno));
      current.length += length;
      done(null);
    });
  }

  get path(): string {
    return this.#current?.path ?? this.#options.directory;
  }

  /** Closes the journal with an end mark: all before it is known to be durable. */
  async finish(nextSequence: number): Promise<void> {
    await this.#sealing;
    const { fd, length } = this.#current!;
    const mark = encodeEndMark(
      { epoch: this.#options.epoch, sequence: nextSequence, index: 0 },
      this.#options.crc32c,
    );
    // First cut, then mark: whatever of it a crash lets through, the next opening finds a known end.
    await truncate(fd, length);
    await writeOnce(fd, mark, 0, mark.length, length);
    await syncAll(fd);
  }

  /** Lets go of everything; what is in the files stays. */
  async release(): Promise<void> {
    this.#leaving = true;
    await this.#preparing?.catch(() => {}); // reported to whoever asked for it
    await this.#sealing;
    for (const fd of [this.#current?.fd, this.#spareFd, this.#directoryFd]) {
      if (fd !== undefined) await closeDescriptor(fd);
    }
    if (this.#spareFd !== undefined) await rm(this.#sparePath, { force: true });
    this.#current = undefined;
    this.#spareFd = undefined;
  }
}
