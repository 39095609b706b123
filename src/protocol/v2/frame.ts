/**
 * Frames of Stratum V2 (3.2), as they are before encryption:
 *
 *     0        2          3              6
 *     +--------+----------+--------------+---------- …
 *     | U16    | U8       | U24          | payload
 *     | exten- | message  | length of    |
 *     | sion   | type     | the payload  |
 *     +--------+----------+--------------+---------- …
 *
 * The highest bit of the first field says that the payload begins with a channel id; it is no part of the extension's
 * number (3.2.1).
 */
export interface FrameHeader {
  /** Without the channel bit. */
  readonly extensionType: number;
  readonly isChannelMessage: boolean;
  readonly messageType: number;
  readonly payloadLength: number;
}

export const frameHeaderBytes = 6;
export const channelMessageBit = 0x8000;
export const maxPayloadLength = 0xffffff;

/** @returns undefined while its six bytes are not all there. */
export function decodeFrameHeader(bytes: Uint8Array, offset = 0): FrameHeader | undefined {
  if (bytes.length - offset < frameHeaderBytes) return undefined;
  const high = bytes[offset + 1]!;
  return {
    extensionType: bytes[offset]! | ((high & 0x7f) << 8),
    isChannelMessage: high >= 0x80,
    messageType: bytes[offset + 2]!,
    payloadLength: payloadLengthAt(bytes, offset),
  };
}

export function encodeFrameHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(bytes, 0, header);
  return bytes;
}

/** @returns the offset of the payload. @throws RangeError for numbers that do not fit. */
export function writeFrameHeader(bytes: Buffer, offset: number, header: FrameHeader): number {
  const { extensionType, isChannelMessage, messageType, payloadLength } = header;
  if (extensionType >= channelMessageBit) throw new RangeError(`${extensionType} is no extension type`);
  bytes.writeUInt16LE(extensionType | (isChannelMessage ? channelMessageBit : 0), offset);
  bytes.writeUInt8(messageType, offset + 2);
  return bytes.writeUIntLE(payloadLength, offset + 3, 3);
}

/**
 * Walks over plaintext frames that lie back to back, without an object for each:
 *
 *     const frames = new FrameCursor(plaintext);
 *     while (frames.next()) take(frames.extensionType, frames.messageType, frames.payload);
 */
export class FrameCursor {
  readonly bytes: Buffer;
  extensionType = 0;
  isChannelMessage = false;
  messageType = 0;
  /** Where the payload begins and ends in `bytes`. */
  payloadStart = 0;
  payloadEnd = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Moves to the next frame. @returns false when no whole frame is left; then `rest` tells what is. */
  next(): boolean {
    const { bytes } = this;
    const start = this.payloadEnd;
    if (bytes.length - start < frameHeaderBytes) return false;
    const end = start + frameHeaderBytes + payloadLengthAt(bytes, start);
    if (end > bytes.length) return false;
    const high = bytes[start + 1]!;
    this.extensionType = bytes[start]! | ((high & 0x7f) << 8);
    this.isChannelMessage = high >= 0x80;
    this.messageType = bytes[start + 2]!;
    this.payloadStart = start + frameHeaderBytes;
    this.payloadEnd = end;
    return true;
  }

  /** A view of the payload, not a copy. */
  get payload(): Buffer {
    return this.bytes.subarray(this.payloadStart, this.payloadEnd);
  }

  /** What lies behind the frames walked over: a frame that is not all there yet. */
  get rest(): Buffer {
    return this.bytes.subarray(this.payloadEnd);
  }
}

function payloadLengthAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 3]! | (bytes[offset + 4]! << 8) | (bytes[offset + 5]! << 16);
}
