/**
 * Strict hex: the alphabet and the length decide, nothing is cut off or guessed, so that one share has one set of bytes
 * whatever its spelling. Upper case is accepted; "0x", spaces and signs are not.
 */
const digitValues = new Int8Array(128).fill(-1);
for (let value = 0; value < 16; value++) {
  digitValues["0123456789abcdef".charCodeAt(value)] = value;
  digitValues["0123456789ABCDEF".charCodeAt(value)] = value;
}

function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 128 ? digitValues[code]! : -1;
}

/**
 * Unsigned 32-bit number of 1 to 8 digits: some firmware leaves leading zeros out.
 * @returns -1 for anything else.
 */
export function hexNumber(text: string): number {
  const { length } = text;
  if (length === 0 || length > 8) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = digitAt(text, i);
    if (digit < 0) return -1;
    value = (value << 4) | digit;
  }
  return value >>> 0;
}

/** Exactly `length` bytes as 2 * length digits; undefined for anything else. */
export function hexBytes(text: string, length: number): Uint8Array | undefined {
  if (text.length !== 2 * length) return undefined;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const high = digitAt(text, 2 * i);
    const low = digitAt(text, 2 * i + 1);
    if (high < 0 || low < 0) return undefined;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** Eight lower-case digits, most significant first. */
export function hexOfNumber(value: number): string {
  return value.toString(16).padStart(8, "0");
}

export function hexOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
