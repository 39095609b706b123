const newline = 0x0a;

/** Cuts a stream of bytes into lines, whatever the packets; holds back at most `maxBytes`. */
export class LineSplitter {
  readonly #maxBytes: number;
  #rest: Buffer | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Hands on every whole line, without its newline. The views are valid during the call only.
   * @returns false when a line is longer than allowed; then nothing of it is kept, and the stream is of no more use.
   */
  push(chunk: Buffer, onLine: (line: Buffer) => void): boolean {
    let bytes = chunk;
    // A newline in what was held back has been found already: look on from where it ended.
    let from = 0;
    if (this.#rest !== undefined) {
      from = this.#rest.length;
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    let start = 0;
    for (let end = bytes.indexOf(newline, from); end >= 0; end = bytes.indexOf(newline, start)) {
      if (end - start > this.#maxBytes) return false;
      onLine(bytes.subarray(start, end));
      start = end + 1;
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
