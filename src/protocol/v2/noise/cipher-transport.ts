/**
 * FrameTransport by node:crypto, for a Node whose OpenSSL the native core cannot use: several times slower, the same
 * bytes. A sealed frame (spec 4.6) is its header and a MAC, then the payload in parts of up to 65,519 bytes, each with a
 * MAC; an empty payload is sealed as nothing.
 */
import { channelMessageBit, FrameCursor, frameHeaderBytes } from "../frame.ts";
import type {
  FrameTransport,
  MostPayload,
  Opened,
  TransportKeys,
  TransportOptions,
} from "../frame-transport.ts";
import { CipherState, macBytes } from "./cipher-state.ts";

/** Of plaintext: a Noise message has at most 65,535 bytes, its MAC included. */
const blockBytes = 65_535 - macBytes;

/**
 *            short                        whole
 *   header ─────────► payload (taking) ──────────► header
 *     │               ▲
 *     │ long          │ within its bound             whole
 *     └─────► asking ─┤             ┌► (discarding) ───────► header
 *                     └─ above it ──┴► stays there: too long
 *   from everywhere: what cannot be opened, or close() ► broken
 */
type State = "header" | "asking" | "taking" | "discarding" | "broken";

/** What is left of one call. */
interface Work {
  chunk: Uint8Array;
  readonly frames: Buffer[];
  readonly mostPayload: MostPayload;
}

/** Why a call is over. */
type Stop = "end" | "broken" | "too-long";

export class CipherTransport implements FrameTransport {
  readonly #options: TransportOptions;
  readonly #receive: CipherState;
  readonly #send: CipherState;
  #state: State = "header";
  /** The beginning of a sealed part whose end has not come. */
  readonly #part = new Gathered();
  /** Opened parts of the frame's payload, all but the last. */
  readonly #payload = new Gathered();
  #header: Buffer = noBytes;
  /** Of the frame's payload as plaintext, and what of it has not been opened. */
  #length = 0;
  #left = 0;

  constructor(options: TransportOptions, keys: TransportKeys) {
    this.#options = options;
    this.#receive = new CipherState(keys.receive);
    this.#send = new CipherState(keys.send);
  }

  open(chunk: Uint8Array, mostPayload: MostPayload): Opened {
    const work: Work = { chunk, frames: [], mostPayload };
    let stop: Stop | undefined;
    while (stop === undefined) stop = this.#step(work);
    if (stop === "broken") this.close();
    const frames = work.frames.length === 1 ? work.frames[0]! : Buffer.concat(work.frames);
    return { frames, problem: stop === "end" ? undefined : stop };
  }

  /** @throws TypeError if these are not whole frames; then nothing was sealed. */
  seal(frames: Uint8Array): Buffer {
    const plain = Buffer.from(frames.buffer, frames.byteOffset, frames.length);
    return Buffer.concat(partsOf(plain).map((part) => this.#send.encrypt(part)));
  }

  close(): void {
    this.#state = "broken";
    this.#part.take();
    this.#payload.take();
  }

  #step(work: Work): Stop | undefined {
    switch (this.#state) {
      case "header":
        return this.#openHeader(work);
      case "asking":
        return this.#ask(work);
      case "taking":
      case "discarding":
        return this.#openBlock(work);
      case "broken":
        return "broken";
    }
  }

  #openHeader(work: Work): Stop | undefined {
    const sealed = this.#nextPart(work, frameHeaderBytes + macBytes);
    if (sealed === undefined) return "end";
    const header = this.#receive.decrypt(sealed);
    if (header === undefined) return "broken";
    this.#header = header;
    this.#length = header.readUIntLE(3, 3);
    this.#left = this.#length;
    this.#state = this.#length > this.#options.longPayload ? "asking" : "taking";
    return undefined;
  }

  #ask({ mostPayload }: Work): Stop | undefined {
    const extensionType = this.#header.readUInt16LE(0) & ~channelMessageBit;
    const messageType = this.#header[2]!;
    if (this.#length <= mostPayload(extensionType, messageType)) this.#state = "taking";
    else if (this.#options.discards?.(extensionType, messageType)) this.#state = "discarding";
    else return "too-long";
    return undefined;
  }

  #openBlock(work: Work): Stop | undefined {
    const length = Math.min(this.#left, blockBytes);
    const block = length === 0 ? noBytes : this.#openPart(work, length + macBytes);
    if (typeof block === "string") return block;
    this.#left -= length;
    const isLast = this.#left === 0;
    if (this.#state === "taking") {
      // Nothing is kept of a payload that fits into one part.
      if (isLast) work.frames.push(Buffer.concat([this.#header, this.#payload.take(), block]));
      else this.#payload.add(block, this.#length);
    }
    // What is discarded is opened all the same: it must be the other side's, too.
    if (isLast) this.#state = "header";
    return undefined;
  }

  #openPart(work: Work, sealedLength: number): Buffer | Stop {
    const sealed = this.#nextPart(work, sealedLength);
    if (sealed === undefined) return "end";
    return this.#receive.decrypt(sealed) ?? "broken";
  }

  /** A sealed part that is all there; if it is not, what has come is kept. */
  #nextPart(work: Work, length: number): Uint8Array | undefined {
    const missing = length - this.#part.length;
    const piece = work.chunk.subarray(0, missing);
    work.chunk = work.chunk.subarray(piece.length);
    if (piece.length === length) return piece;
    this.#part.add(piece, length);
    return piece.length === missing ? this.#part.take() : undefined;
  }
}

const noBytes = Buffer.alloc(0);

/** Bytes that come in pieces. Memory is taken for what has come, not for what is announced. */
class Gathered {
  #bytes = noBytes;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param most bytes that there will be in the end. */
  add(piece: Uint8Array, most: number): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) this.#grow(Math.min(most, Math.max(2 * this.#length, length)));
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Gives all of it away and is empty again. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = noBytes;
    this.#length = 0;
    return bytes;
  }

  #grow(length: number): void {
    const grown = Buffer.allocUnsafeSlow(length);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** What is sealed apart: headers and parts of payloads. @param frames whole ones, back to back. */
function partsOf(frames: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  const cursor = new FrameCursor(frames);
  while (cursor.next()) {
    const { payload } = cursor;
    parts.push(frames.subarray(cursor.payloadStart - frameHeaderBytes, cursor.payloadStart));
    for (let from = 0; from < payload.length; from += blockBytes)
      parts.push(payload.subarray(from, from + blockBytes));
  }
  if (cursor.rest.length > 0) throw new TypeError("frames must be whole frames, back to back");
  return parts;
}
