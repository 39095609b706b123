/** What the handshake thread and its owner tell each other. Messages are answered in the order in which they came. */
import type { Identity } from "../../protocol/v2/noise/handshake.ts";
import { act1Bytes, act2Bytes, type Response } from "../../protocol/v2/noise/handshake.ts";

export interface HandshakeThreadData {
  readonly identity: Identity;
  /** Ephemeral keys made ahead at most. */
  readonly stock: number;
}

export type ToHandshakeThread =
  /** First messages of clients, 64 bytes each, back to back. */
  | { readonly kind: "respond"; readonly acts: Uint8Array }
  | { readonly kind: "renew"; readonly identity: Identity };

export interface FromHandshakeThread {
  /** Packed responses, back to back; none when only the stock has changed. */
  readonly responses: Uint8Array;
  /** Ephemeral keys made ahead now. */
  readonly stock: number;
}

const keyBytes = 32;
export const responseBytes = act2Bytes + 2 * keyBytes;

export function packResponses(responses: readonly Response[]): Buffer {
  return Buffer.concat(responses.flatMap(({ act2, receiveKey, sendKey }) => [act2, receiveKey, sendKey]));
}

/** Views of the bytes. */
export function unpackResponses(bytes: Uint8Array): Response[] {
  return split(bytes, responseBytes).map((packed) => ({
    act2: packed.subarray(0, act2Bytes),
    receiveKey: packed.subarray(act2Bytes, act2Bytes + keyBytes),
    sendKey: packed.subarray(act2Bytes + keyBytes),
  }));
}

export function unpackActs(bytes: Uint8Array): Buffer[] {
  return split(bytes, act1Bytes);
}

function split(bytes: Uint8Array, length: number): Buffer[] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: whole.length / length }, (_, index) =>
    whole.subarray(index * length, (index + 1) * length),
  );
}
