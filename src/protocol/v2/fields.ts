/**
 * The data types of Stratum V2 (3.1) as values: each reads and writes one type, knows its exact bounds, and never reads
 * past the end. Numbers are little-endian.
 *
 * Byte arrays are read as views of the payload: whoever keeps one longer than the payload copies it. Writing a value
 * that does not fit throws a RangeError: what we send is ours to get right.
 */
import { Malformed } from "../malformed.ts";

export interface Field<Value> {
  /** Bytes of the shortest and of the longest value there is. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** Bytes that this value takes. */
  sizeOf(value: Value): number;
  /** @returns the offset behind what was written. */
  write(bytes: Buffer, offset: number, value: Value): number;
  /** @param name of the field, for the sentence that a refusal gives. */
  read(reader: FieldReader, name: string): Value | Malformed;
}

/** Goes through a payload, field by field. */
export class FieldReader {
  readonly bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** Moves on over so many bytes. @returns the offset where they begin, or -1 if they are not all there. */
  skip(length: number): number {
    const start = this.offset;
    if (length > this.bytes.length - start) return -1;
    this.offset = start + length;
    return start;
  }

  cutShort(name: string, wanted: number): Malformed {
    return new Malformed(`${name} is cut short: ${wanted} bytes wanted, ${this.remaining} left`);
  }
}

/** Only the lowest bit counts; a sender may set the others as it likes. */
export const bool: Field<boolean> = fixed(
  1,
  (bytes, offset) => (bytes[offset]! & 1) === 1,
  (bytes, offset, value) => bytes.writeUInt8(value ? 1 : 0, offset),
);

export const u8: Field<number> = fixed(
  1,
  (bytes, offset) => bytes[offset]!,
  (bytes, offset, value) => bytes.writeUInt8(value, offset),
);

export const u16: Field<number> = fixed(
  2,
  (bytes, offset) => bytes.readUInt16LE(offset),
  (bytes, offset, value) => bytes.writeUInt16LE(value, offset),
);

export const u24: Field<number> = fixed(
  3,
  (bytes, offset) => bytes.readUIntLE(offset, 3),
  (bytes, offset, value) => bytes.writeUIntLE(value, offset, 3),
);

export const u32: Field<number> = fixed(
  4,
  (bytes, offset) => bytes.readUInt32LE(offset),
  (bytes, offset, value) => bytes.writeUInt32LE(value, offset),
);

export const u64: Field<bigint> = fixed(
  8,
  (bytes, offset) => bytes.readBigUInt64LE(offset),
  (bytes, offset, value) => bytes.writeBigUInt64LE(value, offset),
);

/** Any float there is, infinities and NaN too: what a number may be is judged where its meaning is known. */
export const f32: Field<number> = fixed(
  4,
  (bytes, offset) => bytes.readFloatLE(offset),
  (bytes, offset, value) => bytes.writeFloatLE(value, offset),
);

/** 32 bytes: a little-endian integer, the order of a hash in memory and of `Target.bytes`. */
export const u256: Field<Uint8Array> = fixed(
  32,
  (bytes, offset): Uint8Array => bytes.subarray(offset, offset + 32),
  (bytes, offset, value) => {
    if (value.length !== 32) throw new RangeError(`a U256 has 32 bytes, not ${value.length}`);
    bytes.set(value, offset);
  },
);

export const b0_32: Field<Uint8Array> = byteArray(1, 32);
export const b0_255: Field<Uint8Array> = byteArray(1, 0xff);
export const b0_64k: Field<Uint8Array> = byteArray(2, 0xffff);
export const b0_16m: Field<Uint8Array> = byteArray(3, 0xffffff);

/**
 * Text for people and logs: control characters make it malformed (3.5). Bytes that are no UTF-8 become U+FFFD, because a
 * device with an odd name in another encoding is still a good miner. Such a text takes more bytes than it came in: it is
 * not to be sent on unchecked.
 */
export const str0_255: Field<string> = {
  ...text(),
  read(reader, name) {
    const value = unconstrained0_255.read(reader, name);
    if (value instanceof Malformed || !hasControlCharacter(value)) return value;
    return new Malformed(`${name} has a control character`);
  },
};

/**
 * STR0_255 for what the specification leaves "unconstrained" (5.3.2): read as the text above, but any character passes,
 * for the session to judge.
 */
export const unconstrained0_255: Field<string> = text();

/** undefined, or one value. */
export function option<Value>(item: Field<Value>): Field<Value | undefined> {
  return {
    leastBytes: 1,
    mostBytes: 1 + item.mostBytes,
    sizeOf: (value) => (value === undefined ? 1 : 1 + item.sizeOf(value)),
    write(bytes, offset, value) {
      bytes[offset] = value === undefined ? 0 : 1;
      return value === undefined ? offset + 1 : item.write(bytes, offset + 1, value);
    },
    read(reader, name) {
      const count = readLength(reader, name, 1);
      if (count instanceof Malformed) return count;
      if (count > 1) return new Malformed(`${name} is optional, but has ${count} values`);
      return count === 0 ? undefined : item.read(reader, name);
    },
  };
}

export function seq0_255<Value>(item: Field<Value>): Field<readonly Value[]> {
  return sequence(1, item);
}

export function seq0_64k<Value>(item: Field<Value>): Field<readonly Value[]> {
  return sequence(2, item);
}

function fixed<Value>(
  length: number,
  readAt: (bytes: Buffer, offset: number) => Value,
  writeAt: (bytes: Buffer, offset: number, value: Value) => void,
): Field<Value> {
  return {
    leastBytes: length,
    mostBytes: length,
    sizeOf: () => length,
    write(bytes, offset, value) {
      writeAt(bytes, offset, value);
      return offset + length;
    },
    read(reader, name) {
      const start = reader.skip(length);
      return start < 0 ? reader.cutShort(name, length) : readAt(reader.bytes, start);
    },
  };
}

function byteArray(prefixBytes: number, most: number): Field<Uint8Array> {
  return {
    leastBytes: prefixBytes,
    mostBytes: prefixBytes + most,
    sizeOf: (value) => prefixBytes + value.length,
    write(bytes, offset, value) {
      const start = writeLength(bytes, offset, prefixBytes, value.length, most);
      bytes.set(value, start);
      return start + value.length;
    },
    read: (reader, name) => readBytes(reader, name, prefixBytes, most),
  };
}

function text(): Field<string> {
  return {
    leastBytes: 1,
    mostBytes: 0x100,
    sizeOf: (value) => 1 + Buffer.byteLength(value),
    write(bytes, offset, value) {
      const length = Buffer.byteLength(value);
      const start = writeLength(bytes, offset, 1, length, 0xff);
      bytes.write(value, start);
      return start + length;
    },
    read(reader, name) {
      const bytes = readBytes(reader, name, 1, 0xff);
      return bytes instanceof Malformed ? bytes : bytes.toString();
    },
  };
}

function sequence<Value>(prefixBytes: 1 | 2, item: Field<Value>): Field<readonly Value[]> {
  const most = 2 ** (8 * prefixBytes) - 1;
  return {
    leastBytes: prefixBytes,
    mostBytes: prefixBytes + most * item.mostBytes,
    sizeOf: (values) => values.reduce<number>((sum, value) => sum + item.sizeOf(value), prefixBytes),
    write(bytes, offset, values) {
      const start = writeLength(bytes, offset, prefixBytes, values.length, most);
      return values.reduce<number>((at, value) => item.write(bytes, at, value), start);
    },
    read: (reader, name) => readSequence(reader, name, prefixBytes, item),
  };
}

function readSequence<Value>(
  reader: FieldReader,
  name: string,
  prefixBytes: number,
  item: Field<Value>,
): Value[] | Malformed {
  const count = readLength(reader, name, prefixBytes);
  if (count instanceof Malformed) return count;
  // A count that lies must not make anyone allocate.
  if (count * item.leastBytes > reader.remaining) return reader.cutShort(name, count * item.leastBytes);
  const values: Value[] = [];
  for (let index = 0; index < count; index++) {
    const value = item.read(reader, name);
    if (value instanceof Malformed) return value;
    values.push(value);
  }
  return values;
}

function readBytes(reader: FieldReader, name: string, prefixBytes: number, most: number): Buffer | Malformed {
  const length = readLength(reader, name, prefixBytes);
  if (length instanceof Malformed) return length;
  if (length > most) return new Malformed(`${name} has ${length} bytes, at most ${most} are allowed`);
  const start = reader.skip(length);
  return start < 0 ? reader.cutShort(name, length) : reader.bytes.subarray(start, start + length);
}

function readLength(reader: FieldReader, name: string, prefixBytes: number): number | Malformed {
  const start = reader.skip(prefixBytes);
  return start < 0 ? reader.cutShort(name, prefixBytes) : reader.bytes.readUIntLE(start, prefixBytes);
}

function writeLength(
  bytes: Buffer,
  offset: number,
  prefixBytes: number,
  length: number,
  most: number,
): number {
  if (length > most) throw new RangeError(`a length of ${length} where at most ${most} is allowed`);
  return bytes.writeUIntLE(length, offset, prefixBytes);
}

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value);
}
