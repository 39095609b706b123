import type { FrameTransport, MostPayload } from "../../protocol/v2/frame-transport.ts";
import { Connection } from "../connection.ts";
import type { Splitter } from "../splitter.ts";
import { FrameSplitter } from "./frame-splitter.ts";
import { KeySplitter } from "./key-splitter.ts";

/**
 * A peer that speaks Stratum V2. Its first message is its key, act 1 of the handshake; once `secured`, messages are
 * plaintext frames, which are sealed when they are written.
 */
export class FrameConnection extends Connection {
  #splitter: Splitter = new KeySplitter();
  #frames: FrameSplitter | undefined;
  #transport: FrameTransport | undefined;
  #queued: Uint8Array[] = [];
  #queuedBytes = 0;

  /**
   * The handshake is done: act 2 goes out in the clear, everything after it is sealed.
   * @param mostPayload bytes that a message may have, asked before they are taken in.
   */
  secured(act2: Uint8Array, transport: FrameTransport, mostPayload: MostPayload): void {
    this.write(act2);
    this.#transport = transport;
    this.#frames = new FrameSplitter(transport, mostPayload);
    this.#splitter = this.#frames;
  }

  get isSecured(): boolean {
    return this.#transport !== undefined;
  }

  /** Why what came could not be read, once that was so. */
  get problem(): "broken" | "too-long" | undefined {
    return this.#frames?.problem;
  }

  /** Queues a whole plaintext frame, or several; they must not be changed afterwards. None leaves before `secured`. */
  send(frames: Uint8Array): void {
    if (this.isClosed || this.#transport === undefined) return;
    if (this.#queuedBytes === 0) this.planFlush();
    this.#queued.push(frames);
    this.#queuedBytes += frames.length;
  }

  override closed(): void {
    super.closed();
    this.#splitter.takeRest();
    this.#transport?.close();
  }

  protected get splitter(): Splitter {
    return this.#splitter;
  }

  protected get hasQueued(): boolean {
    return this.#queuedBytes > 0;
  }

  protected takeQueued(): Uint8Array {
    const frames =
      this.#queued.length === 1 ? this.#queued[0]! : Buffer.concat(this.#queued, this.#queuedBytes);
    this.#queued = [];
    this.#queuedBytes = 0;
    // A connection that closed drops what it had.
    return this.isClosed ? frames : this.#transport!.seal(frames);
  }
}
