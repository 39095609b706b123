import { frameHeaderBytes } from "../../protocol/v2/frame.ts";
import type { FrameTransport, MostPayload } from "../../protocol/v2/frame-transport.ts";
import type { MessageReader, Splitter } from "../splitter.ts";

const noBytes = Buffer.alloc(0);

/** Opens what comes and cuts it into plaintext frames; what is not whole yet is held by the transport. */
export class FrameSplitter implements Splitter {
  readonly #transport: FrameTransport;
  readonly #mostPayload: MostPayload;
  /** Whole frames that the reader would not take. */
  #rest: Buffer | undefined;
  #problem: "broken" | "too-long" | undefined;

  /** @param mostPayload asked for each frame before any of its payload is held. */
  constructor(transport: FrameTransport, mostPayload: MostPayload) {
    this.#transport = transport;
    this.#mostPayload = mostPayload;
  }

  /** Why the stream is of no more use. */
  get problem(): "broken" | "too-long" | undefined {
    return this.#problem;
  }

  get holdsMessages(): boolean {
    return this.#rest !== undefined;
  }

  /** Frames from before a problem are handed on first. */
  push(chunk: Buffer, reader: MessageReader): boolean {
    const bytes = this.#joined(chunk);
    this.#rest = undefined;
    let start = reader.messages(bytes, 0);
    while (start < bytes.length) {
      const end = start + frameHeaderBytes + bytes.readUIntLE(start + 3, 3);
      if (!reader.mayTake(end - start)) {
        // A copy: the transport writes there again.
        this.#rest = Buffer.from(bytes.subarray(start));
        return true;
      }
      reader.message(bytes.subarray(start, end));
      start = reader.messages(bytes, end);
    }
    return this.#problem === undefined;
  }

  resume(reader: MessageReader): boolean {
    return this.push(noBytes, reader);
  }

  /** A frame that is not whole is none. */
  takeRest(): undefined {
    this.#rest = undefined;
  }

  #joined(chunk: Buffer): Buffer {
    if (chunk.length === 0 || this.#problem !== undefined) return this.#rest ?? noBytes;
    const { frames, problem } = this.#transport.open(chunk, this.#mostPayload);
    this.#problem = problem;
    return this.#rest === undefined ? frames : Buffer.concat([this.#rest, frames]);
  }
}
