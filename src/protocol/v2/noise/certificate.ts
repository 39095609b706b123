/**
 * What vouches for a server's static key (spec 4.5.3), as it stands in act 2, before its encryption:
 *
 *     0         2            6                  10            74
 *     | version | valid_from | not_valid_after  | signature   |
 *     | U16     | U32        | U32              | BIP 340     |
 *
 * Signed is the SHA-256 of the first ten bytes and the x coordinate of the static key.
 */
import { hash } from "node:crypto";
import { signSchnorr, verifySchnorr } from "tiny-secp256k1";

export interface Validity {
  /** Unix time, seconds. */
  readonly validFrom: number;
  readonly notValidAfter: number;
}

export const certificateBytes = 74;
const termsBytes = 10;
const version = 0;

/**
 * @param staticKey 32 bytes, the x coordinate.
 * @param auxiliary 32 random bytes, which BIP 340 mixes in.
 */
export function signCertificate(
  authoritySecret: Uint8Array,
  staticKey: Uint8Array,
  { validFrom, notValidAfter }: Validity,
  auxiliary: Uint8Array,
): Buffer {
  const certificate = Buffer.alloc(certificateBytes);
  certificate.writeUInt16LE(version, 0);
  certificate.writeUInt32LE(validFrom, 2);
  certificate.writeUInt32LE(notValidAfter, 6);
  certificate.set(signSchnorr(digestOf(certificate, staticKey), authoritySecret, auxiliary), termsBytes);
  return certificate;
}

/** @param certificate 74 bytes. */
export function validityOf(certificate: Buffer): Validity {
  return { validFrom: certificate.readUInt32LE(2), notValidAfter: certificate.readUInt32LE(6) };
}

/** Whether this authority signed it for that key. @param authorityKey 32 bytes, a point of the curve. */
export function isSignedBy(authorityKey: Uint8Array, certificate: Buffer, staticKey: Uint8Array): boolean {
  const signature = certificate.subarray(termsBytes);
  try {
    return verifySchnorr(digestOf(certificate, staticKey), authorityKey, signature);
  } catch {
    // The library throws for numbers that are out of range, which anybody can send.
    return false;
  }
}

function digestOf(certificate: Buffer, staticKey: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([certificate.subarray(0, termsBytes), staticKey]), "buffer");
}
