import type { MessageReader, Splitter } from "../splitter.ts";

const keyBytes = 64;

/**
 * Act 1 of the handshake, one message of 64 bytes. Behind it nothing can come until act 2 is answered: the client has no
 * keys to send anything with.
 */
export class KeySplitter implements Splitter {
  #bytes: Buffer = Buffer.alloc(0);
  #isTaken = false;

  readonly holdsMessages = false;

  push(chunk: Buffer, reader: MessageReader): boolean {
    if (chunk.length === 0) return true;
    if (this.#isTaken || this.#bytes.length + chunk.length > keyBytes) return false;
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < keyBytes) return true;
    this.#isTaken = true;
    reader.message(this.#bytes);
    return true;
  }

  resume(): boolean {
    return true;
  }

  takeRest(): undefined {
    this.#bytes = Buffer.alloc(0);
  }
}
