import type { MessageReader, Splitter } from "./splitter.ts";

const newline = 0x0a;

const noBytes = Buffer.alloc(0);

/** Cuts a stream of bytes into lines, whatever the packets; holds back `maxBytes` at most, and lines that must wait. */
export class LineSplitter implements Splitter {
  readonly #maxBytes: number;
  #rest: Buffer | undefined;
  /** Of what is held back, bytes that are known to have no newline. */
  #searched = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get holdsMessages(): boolean {
    return this.#rest !== undefined && this.#searched === 0;
  }

  /**
   * Hands on every whole line: first offers all together, then goes on behind what was taken, line by line.
   * @returns false when a line is longer than allowed; then nothing of it is kept, and the stream is of no more use.
   */
  push(chunk: Buffer, reader: MessageReader): boolean {
    const bytes = this.#joined(chunk);
    const from = this.#searched;
    this.#rest = undefined;
    this.#searched = 0;
    let start = reader.messages(bytes, 0);
    while (start < bytes.length) {
      const end = bytes.indexOf(newline, Math.max(start, from));
      if (end < 0) break;
      if (end - start > this.#maxBytes) return false;
      if (!reader.mayTake(end - start)) {
        this.#rest = bytes.subarray(start);
        return true;
      }
      reader.message(bytes.subarray(start, end));
      start = reader.messages(bytes, end + 1);
    }
    if (bytes.length - start > this.#maxBytes) return false;
    // A copy: a view would keep the whole packet in memory.
    if (start < bytes.length) this.#rest = Buffer.from(bytes.subarray(start));
    this.#searched = bytes.length - start;
    return true;
  }

  /** Goes on with what was held back. @returns as `push` */
  resume(reader: MessageReader): boolean {
    return this.push(noBytes, reader);
  }

  /** What came after the last newline: a client may close without one. */
  takeRest(): Buffer | undefined {
    const rest = this.#rest;
    this.#rest = undefined;
    this.#searched = 0;
    return rest;
  }

  #joined(chunk: Buffer): Buffer {
    if (this.#rest === undefined) return chunk;
    return chunk.length === 0 ? this.#rest : Buffer.concat([this.#rest, chunk]);
  }
}
