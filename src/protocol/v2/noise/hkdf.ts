import { createHmac } from "node:crypto";

/**
 * HKDF with two outputs (spec 4.4.2): RFC 5869 with the chaining key as salt, no info, 64 bytes cut in half.
 * @returns 32 bytes each.
 */
export function hkdf(chainingKey: Uint8Array, input: Uint8Array): readonly [Buffer, Buffer] {
  const key = hmac(chainingKey, input);
  const first = hmac(key, Uint8Array.of(1));
  return [first, hmac(key, first, Uint8Array.of(2))];
}

function hmac(key: Uint8Array, ...data: readonly Uint8Array[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of data) mac.update(part);
  return mac.digest();
}
