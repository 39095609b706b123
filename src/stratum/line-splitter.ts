const newline = 0x0a;

export interface LineReader {
  /** All that is there from `from` on, where a line begins. @returns up to where whole lines were taken together. */
  lines(bytes: Buffer, from: number): number;
  /** One line without its newline. What is handed over is valid during the call only. */
  line(bytes: Buffer): void;
}

/** Cuts a stream of bytes into lines, whatever the packets; holds back at most `maxBytes`. */
export class LineSplitter {
  readonly #maxBytes: number;
  #rest: Buffer | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Hands on every whole line: first offers all together, then goes on behind what was taken, line by line.
   * @returns false when a line is longer than allowed; then nothing of it is kept, and the stream is of no more use.
   */
  push(chunk: Buffer, reader: LineReader): boolean {
    let bytes = chunk;
    // A newline in what was held back has been found already: look on from where it ended.
    let from = 0;
    if (this.#rest !== undefined) {
      from = this.#rest.length;
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    let start = reader.lines(bytes, 0);
    while (start < bytes.length) {
      const end = bytes.indexOf(newline, Math.max(start, from));
      if (end < 0) break;
      if (end - start > this.#maxBytes) return false;
      reader.line(bytes.subarray(start, end));
      start = reader.lines(bytes, end + 1);
    }
    if (bytes.length - start > this.#maxBytes) return false;
    // A copy: a view would keep the whole packet in memory.
    if (start < bytes.length) this.#rest = Buffer.from(bytes.subarray(start));
    return true;
  }

  /** What came after the last newline: a client may close without one. */
  takeRest(): Buffer | undefined {
    const rest = this.#rest;
    this.#rest = undefined;
    return rest;
  }
}
