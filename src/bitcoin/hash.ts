/**
 * Double SHA-256 and the two orders of a hash. In code a hash is 32 bytes in internal order, as it stands in headers
 * and merkle trees; people and the node's RPC write the same bytes reversed, in hex: display order.
 */
import { hash as digest } from "node:crypto";
import { PoolError } from "../errors.ts";
import { fromHex } from "./bytes.ts";

/** For the edges and for reference; the share path hashes in the native addon. */
export function sha256d(data: Uint8Array): Buffer {
  return digest("sha256", digest("sha256", data, "buffer"), "buffer");
}

/** Hash as block explorers print it. */
export function displayHash(hash: Uint8Array): string {
  return Buffer.from(hash).reverse().toString("hex");
}

/** @throws PoolError HASH_MALFORMED unless text is exactly 64 hex digits. */
export function fromDisplayHash(text: string): Buffer {
  const bytes = text.length === 64 ? fromHex(text) : undefined;
  if (bytes === undefined) {
    throw new PoolError(
      "HASH_MALFORMED",
      `${JSON.stringify(text.slice(0, 80))} is not a hash of 64 hex digits.`,
      "Check where it comes from.",
    );
  }
  return bytes.reverse();
}
