/**
 * Stratum V2's frames sealed and opened natively: the shape of FrameTransport in protocol/v2/frame-transport.ts, one
 * crossing for all that came in one read.
 */
import type { Addon, Transport } from "./addon.ts";
import { openLayout as at } from "./layout.ts";

export interface NativeTransportOptions {
  readonly addon: Pick<Addon, "createTransport" | "closeTransport" | "sealFrames" | "openFrames">;
  /** Payloads up to this many bytes are taken without asking for their bound: most, so that asking costs nothing. */
  readonly longPayload: number;
  /** Whether a payload above its bound is opened and forgotten, and does not end the connection. Default: none is. */
  readonly discards?: ((extensionType: number, messageType: number) => boolean) | undefined;
}

export interface TransportKeys {
  /** 32 bytes each. */
  readonly receive: Uint8Array;
  readonly send: Uint8Array;
}

/** Maker of transports that share their buffers: one a thread. It needs an addon that `hasAead`. */
export function createNativeTransports(
  options: NativeTransportOptions,
): (keys: TransportKeys) => NativeFrameTransport {
  const workbench = {
    ...options,
    numbers: new Float64Array(at.length),
    out: Buffer.allocUnsafeSlow(outBytes),
  };
  return (keys) => new NativeFrameTransport(workbench, keys);
}

/** A read of 64 KiB and the part of a frame that came before it. */
const outBytes = 2 * 65_536;

interface Workbench extends NativeTransportOptions {
  readonly numbers: Float64Array;
  readonly out: Buffer;
}

type MostPayload = (extensionType: number, messageType: number) => number;

interface NativeOpened {
  readonly frames: Buffer;
  readonly problem: undefined | "broken" | "too-long";
}

export class NativeFrameTransport {
  readonly #workbench: Workbench;
  readonly #native: Transport;

  constructor(workbench: Workbench, keys: TransportKeys) {
    this.#workbench = workbench;
    this.#native = workbench.addon.createTransport(keys.receive, keys.send);
  }

  /** Valid until something is opened again, by any transport of the same maker. */
  open(chunk: Uint8Array, mostPayload: MostPayload): NativeOpened {
    const { addon, numbers, longPayload } = this.#workbench;
    const frames = new Frames(this.#workbench.out);
    numbers[at.from] = 0;
    numbers[at.longPayload] = longPayload;
    numbers[at.verdict] = at.verdictUndecided;
    for (;;) {
      addon.openFrames(this.#native, chunk, frames.room, numbers);
      frames.written(numbers[at.written]!);
      switch (numbers[at.stop]) {
        case at.stopEnd:
          return { frames: frames.all(), problem: undefined };
        case at.stopBroken:
          return { frames: frames.all(), problem: "broken" };
        case at.stopFull:
          frames.makeRoom(frameHeaderBytes + numbers[at.payloadLength]!);
          numbers[at.verdict] = at.verdictUndecided;
          break;
        default:
          if (!this.#decide(mostPayload)) return { frames: frames.all(), problem: "too-long" };
      }
      numbers[at.from] = numbers[at.taken]!;
    }
  }

  seal(frames: Uint8Array): Buffer {
    const sealed = Buffer.allocUnsafe(sealedLength(frames));
    this.#workbench.addon.sealFrames(this.#native, frames, sealed);
    return sealed;
  }

  /** Frees at once what has come of an unfinished frame; to be called when the connection is gone. */
  close(): void {
    this.#workbench.addon.closeTransport(this.#native);
  }

  /** @returns false if a payload is too long. */
  #decide(mostPayload: MostPayload): boolean {
    const { numbers, discards } = this.#workbench;
    const extensionType = numbers[at.extensionType]! & ~channelMessageBit;
    const messageType = numbers[at.messageType]!;
    if (numbers[at.payloadLength]! <= mostPayload(extensionType, messageType)) {
      numbers[at.verdict] = at.verdictTake;
      return true;
    }
    numbers[at.verdict] = at.verdictDiscard;
    return discards?.(extensionType, messageType) ?? false;
  }
}

const frameHeaderBytes = 6;
/** Of the extension's type in a header: no part of its number. */
const channelMessageBit = 0x8000;

/** Where frames are gathered: nearly always in one buffer that all share. */
class Frames {
  readonly #shared: Buffer;
  #out: Buffer;
  #length = 0;
  #before: Buffer[] | undefined;

  constructor(shared: Buffer) {
    this.#shared = shared;
    this.#out = shared;
  }

  get room(): Buffer {
    return this.#length === 0 ? this.#out : this.#out.subarray(this.#length);
  }

  written(bytes: number): void {
    this.#length += bytes;
  }

  /** Puts away what was written, so that there is room for one more frame. */
  makeRoom(bytes: number): void {
    this.#before ??= [];
    this.#before.push(Buffer.from(this.#out.subarray(0, this.#length)));
    this.#out = bytes <= this.#shared.length ? this.#shared : Buffer.allocUnsafeSlow(bytes);
    this.#length = 0;
  }

  all(): Buffer {
    const last = this.#out.subarray(0, this.#length);
    return this.#before === undefined ? last : Buffer.concat([...this.#before, last]);
  }
}

const blockBytes = 65_519;
const macBytes = 16;

/** What frames take when sealed. @param frames whole ones, back to back. */
export function sealedLength(frames: Uint8Array): number {
  let sealed = 0;
  for (let from = 0; from < frames.length; ) {
    const payload = frames[from + 3]! | (frames[from + 4]! << 8) | (frames[from + 5]! << 16);
    sealed += frameHeaderBytes + payload + macBytes * (1 + Math.ceil(payload / blockBytes));
    from += frameHeaderBytes + payload;
  }
  return sealed;
}
