import type { Connection } from "./connection.ts";

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
  readonly #connections: Connection[] = [];
  readonly #descriptors = new Int32Array(batchSize);
  readonly #sent = new Int32Array(batchSize);
  #bytes: Buffer | undefined;

  /** @param writer undefined: everything goes through the streams. */
  constructor(writer: SocketWriter | undefined) {
    this.#writer = writer;
  }

  add(connection: Connection, bytes: Buffer): void {
    const descriptor = this.#writer === undefined ? -1 : connection.directDescriptor;
    if (descriptor < 0) {
      connection.sendShared(bytes);
      return;
    }
    if (bytes !== this.#bytes || this.#connections.length === batchSize) this.flush();
    this.#bytes = bytes;
    this.#descriptors[this.#connections.length] = descriptor;
    this.#connections.push(connection);
  }

  /** To be called before anything else is sent to those that were added. */
  flush(): void {
    const bytes = this.#bytes;
    const count = this.#connections.length;
    this.#bytes = undefined;
    if (bytes === undefined || count === 0) return;
    this.#writer!.sendToMany(this.#descriptors, count, bytes, this.#sent);
    for (let i = 0; i < count; i++) {
      const sent = this.#sent[i]!;
      // An error is found again by the stream, which closes the connection as it does always.
      if (sent < bytes.length) this.#connections[i]!.sendShared(bytes.subarray(Math.max(0, sent)));
    }
    this.#connections.length = 0;
  }
}
