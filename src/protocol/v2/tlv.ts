/**
 * Fields that extensions append to a message (3.4.3): type (extension U16, field U8), length (U16), value.
 *
 * All numbers of the protocol are little-endian, but the specification's own example of such a field is big-endian, and
 * some senders follow it. So a message's fields are read little-endian if they then fit their bytes to the last one, else
 * big-endian if they fit so. Their order does not matter, and unknown ones are ignored.
 */
export interface Tlv {
  readonly extensionType: number;
  readonly fieldType: number;
  readonly value: Uint8Array;
}

type ByteOrder = "little" | "big";

const headerBytes = 5;

/** True if the bytes are such fields and nothing else, in either byte order. */
export function areTlvs(bytes: Buffer): boolean {
  return fits(bytes, "little") || fits(bytes, "big");
}

/**
 * The first field of that type.
 * @param bytes of all fields, as `areTlvs` has found them well-formed.
 * @returns undefined if there is none. A view, not a copy.
 */
export function findTlv(bytes: Buffer, extensionType: number, fieldType: number): Buffer | undefined {
  // Bytes that fit both ways are possible where values are empty: then the field is known in one of them only.
  return findIn(bytes, "little", extensionType, fieldType) ?? findIn(bytes, "big", extensionType, fieldType);
}

/** For senders: little-endian, in the order given, which is by extension and field type (3.4.3). */
export function encodeTlvs(tlvs: readonly Tlv[]): Buffer {
  return Buffer.concat(
    tlvs.flatMap(({ extensionType, fieldType, value }) => {
      const header = Buffer.alloc(headerBytes);
      header.writeUInt16LE(extensionType, 0);
      header.writeUInt8(fieldType, 2);
      header.writeUInt16LE(value.length, 3);
      return [header, value];
    }),
  );
}

function fits(bytes: Buffer, order: ByteOrder): boolean {
  let offset = 0;
  while (bytes.length - offset >= headerBytes) offset += headerBytes + u16At(bytes, offset + 3, order);
  return offset === bytes.length;
}

function findIn(
  bytes: Buffer,
  order: ByteOrder,
  extensionType: number,
  fieldType: number,
): Buffer | undefined {
  if (!fits(bytes, order)) return undefined;
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + headerBytes;
    const end = start + u16At(bytes, offset + 3, order);
    if (u16At(bytes, offset, order) === extensionType && bytes[offset + 2] === fieldType)
      return bytes.subarray(start, end);
    offset = end;
  }
  return undefined;
}

function u16At(bytes: Buffer, offset: number, order: ByteOrder): number {
  const [low, high] = order === "little" ? [0, 1] : [1, 0];
  return bytes[offset + low]! | (bytes[offset + high]! << 8);
}
