/**
 * The key that a pool's miners pin (spec 4.7): 32 bytes of x coordinate, as text base58check(01 00 || x). The secret's
 * text is base58check of its bare 32 bytes, which other pool servers use as well, so that a key can be brought along.
 */
import { hash } from "node:crypto";
import { createBase58check } from "@scure/base";
import { isPrivate, isXOnlyPoint, xOnlyPointFromScalar } from "tiny-secp256k1";

const base58check = createBase58check((data: Uint8Array) => hash("sha256", data, "buffer"));
/** A U16 of 1, little-endian. */
const version = [1, 0] as const;
const keyBytes = 32;

/** @param key 32 bytes. */
export function encodeAuthorityKey(key: Uint8Array): string {
  return base58check.encode(Uint8Array.of(...version, ...key));
}

/** @returns 32 bytes; undefined for what is no such key: another length, version or checksum, or no point of the curve. */
export function decodeAuthorityKey(text: string): Uint8Array | undefined {
  const bytes = decode(text);
  if (bytes?.length !== version.length + keyBytes) return undefined;
  if (bytes[0] !== version[0] || bytes[1] !== version[1]) return undefined;
  const key = bytes.subarray(version.length);
  return isXOnlyPoint(key) ? key : undefined;
}

/** @param secret 32 bytes. */
export function encodeAuthoritySecret(secret: Uint8Array): string {
  return base58check.encode(Uint8Array.from(secret));
}

/** @returns 32 bytes; undefined for what is no secret key. */
export function decodeAuthoritySecret(text: string): Uint8Array | undefined {
  const bytes = decode(text);
  return bytes?.length === keyBytes && isPrivate(bytes) ? bytes : undefined;
}

/** @returns 32 bytes. */
export function authorityKeyOf(secret: Uint8Array): Uint8Array {
  return xOnlyPointFromScalar(secret);
}

function decode(text: string): Uint8Array | undefined {
  try {
    return base58check.decode(text);
  } catch {
    // Its way to say that there is a foreign character or another checksum.
    return undefined;
  }
}
