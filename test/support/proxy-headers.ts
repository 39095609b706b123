/** PROXY headers as a proxy writes them. */

export const binarySignature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

export function aTextHeader(rest = "TCP4 192.0.2.1 198.51.100.2 56324 3333"): Buffer {
  return Buffer.from(`PROXY ${rest}\r\n`, "latin1");
}

export interface BinaryHeader {
  /** Version 2, and LOCAL (0) or PROXY (1). */
  readonly versionAndCommand?: number;
  /** Family and protocol. */
  readonly pair?: number;
  readonly block?: Buffer;
  /** What the header says that the block's length is. */
  readonly length?: number;
}

export function aBinaryHeader(header: BinaryHeader = {}): Buffer {
  const { versionAndCommand = 0x21, pair = 0x11, block = anIpv4Block } = header;
  const { length = block.length } = header;
  return Buffer.concat([
    binarySignature,
    Buffer.of(versionAndCommand, pair, length >> 8, length & 255),
    block,
  ]);
}

/** 192.0.2.1:56324 to 198.51.100.2:3333. */
export const anIpv4Block = Buffer.from("c0000201c6336402dc040d05", "hex");
/** [2001:db8::1]:56324 to [2001:db8::2]:3333. */
export const anIpv6Block = Buffer.from(
  "20010db800000000000000000000000120010db8000000000000000000000002dc040d05",
  "hex",
);
