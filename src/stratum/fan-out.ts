import type { LineConnection } from "./line-connection.ts";

/** Writing the same bytes to many sockets in one call; see native/src/sockets.h. */
export interface SocketWriter {
  sendToMany(descriptors: Int32Array, count: number, bytes: Uint8Array, sent: Int32Array): void;
}

/** As many as one native call writes to: a few milliseconds. */
const batchSize = 512;

/**
 * Gathers connections that get the same bytes and writes to all of them in one native call; through their streams they
 * would take half as long again. A stream that holds something gets them behind that, and what a socket does not take
 * at once goes on in its stream.
 */
export class FanOut {
  readonly #writer: SocketWriter | undefined;
  readonly #descriptors = new Int32Array(batchSize);
  readonly #sent = new Int32Array(batchSize);
  /** Those that wait for the same bytes. */
  #waiting: LineConnection[] = [];
  #bytes: Buffer = nothing;

  /** @param writer undefined: everything goes through the streams. */
  constructor(writer: SocketWriter | undefined) {
    this.#writer = writer;
  }

  add(connection: LineConnection, bytes: Buffer): void {
    if (bytes !== this.#bytes || this.#waiting.length === batchSize) this.flush();
    this.#bytes = bytes;
    this.#waiting.push(connection);
  }

  /** To be called before anything else is sent to those that were added, in the turn in which they were. */
  flush(): void {
    const waiting = this.#waiting;
    const bytes = this.#bytes;
    this.#waiting = [];
    this.#bytes = nothing;
    if (this.#writer === undefined) for (const connection of waiting) connection.sendShared(bytes);
    else this.#write(this.#writer, waiting, bytes);
  }

  #write(writer: SocketWriter, waiting: readonly LineConnection[], bytes: Buffer): void {
    const direct: LineConnection[] = [];
    for (const connection of waiting) {
      // Asked here and not before: the number of a socket that was closed may be another's.
      const descriptor = connection.directDescriptor;
      if (descriptor < 0) connection.sendShared(bytes);
      else this.#descriptors[direct.push(connection) - 1] = descriptor;
    }
    if (direct.length === 0) return;
    writer.sendToMany(this.#descriptors, direct.length, bytes, this.#sent);
    for (let i = 0; i < direct.length; i++) {
      const sent = this.#sent[i]!;
      // An error is found again by the stream, which closes the connection as it does always.
      if (sent < bytes.length) direct[i]!.sendShared(bytes.subarray(Math.max(0, sent)));
    }
  }
}

const nothing = Buffer.alloc(0);
