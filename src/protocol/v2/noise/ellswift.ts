/**
 * ElligatorSwift keys and the key agreement of BIP 324, as Stratum V2 uses them (spec 4.3.1.1, 4.4.2). A public key on
 * the wire is 64 bytes that look random, u || t; every 64 bytes are one. It stands for an x coordinate, never for a y.
 *
 * Multiplication is libsecp256k1's, and it takes longer or shorter with the scalar. Who times the handshakes of a server
 * must not learn its static key that way, so a key that lives on is only ever multiplied in two random parts.
 */
import { hash } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";
import {
  isPrivate,
  isXOnlyPoint,
  pointAdd,
  pointCompress,
  pointMultiply,
  privateSub,
  xOnlyPointFromScalar,
} from "tiny-secp256k1";
import { toHex } from "../../../bitcoin/bytes.ts";

export interface EllswiftKey {
  /** 32 bytes, 1 to n - 1. */
  readonly secret: Uint8Array;
  /** 64 bytes, as sent. */
  readonly ellswift: Uint8Array;
}

/** Gives so many random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/** @param randomBytes draws the secret and, some four times over, what its encoding needs. */
export function createEllswiftKey(randomBytes: RandomBytes): EllswiftKey {
  let secret = randomBytes(32);
  while (!isPrivate(secret)) secret = randomBytes(32);
  return { secret, ellswift: encodeEllswift(xOnlyPointFromScalar(secret), randomBytes) };
}

/**
 * One of the 2^256 or so encodings of an x coordinate, each as likely as any other.
 * @param x 32 bytes, on the curve.
 */
export function encodeEllswift(x: Uint8Array, randomBytes: RandomBytes): Buffer {
  const wanted = toInteger(x);
  for (;;) {
    const random = randomBytes(33);
    const u = toInteger(random.subarray(0, 32));
    // Zero and what is above the field stand for another u when decoded.
    if (!field.isValidNot0(u)) continue;
    const t = elligatorSwift._inv(wanted, u, random[32]! & 7);
    if (t) return Buffer.concat([field.toBytes(u), field.toBytes(t)]);
  }
}

/**
 * XSwiftEC of BIP 324 with one division for all three candidates, which makes it twice as fast as the library's decode.
 * @param ellswift any 64 bytes.
 * @returns the x coordinate, 32 bytes, always on the curve.
 */
export function decodeEllswift(ellswift: Uint8Array): Uint8Array {
  const u = toElement(ellswift.subarray(0, 32));
  let t = toElement(ellswift.subarray(32, 64));
  const g = field.add(field.mul(field.sqr(u), u), 7n);
  if (field.is0(field.add(g, field.sqr(t)))) t = field.add(t, t);

  // X = numerator / doubled, Y = sum / scaled, of the specification's names.
  const numerator = field.sub(g, field.sqr(t));
  const doubled = field.add(t, t);
  const sum = field.add(g, field.sqr(t));
  const scaled = field.mul(doubled, field.mul(minus3Root, u));
  const inverse = field.inv(field.mul(scaled, sum));
  const y = field.mul(field.sqr(sum), inverse);
  const first = field.toBytes(field.add(u, field.mul(4n, field.sqr(y))));
  if (isXOnlyPoint(first)) return first;

  const xOverY = field.mul(field.mul(numerator, field.mul(minus3Root, u)), field.mul(scaled, inverse));
  const second = field.toBytes(field.mul(field.sub(field.neg(xOverY), u), half));
  if (isXOnlyPoint(second)) return second;
  return field.toBytes(field.mul(field.sub(xOverY, u), half));
}

/**
 * BIP 324's shared secret of two keys: what both ends get, each with its own secret.
 * @param initiator, responder the 64 bytes of either end, whoever computes; the initiator's are hashed first.
 * @returns 32 bytes.
 */
export function agree(
  own: EllswiftKey,
  theirs: Uint8Array,
  initiator: Uint8Array,
  responder: Uint8Array,
): Buffer {
  return sharedSecret(initiator, responder, xOf(multiply(liftX(decodeEllswift(theirs)), own.secret)));
}

/**
 * The responder's two agreements with one ephemeral key of the initiator, at the price of one decoding. The secret that
 * lives on is split by the one that is used once: s·P = (s - e)·P + e·P, where e·P is needed anyway.
 * @param lasting is used many times.
 * @param ephemeral is used this once.
 */
export function agreeTwice(
  initiator: Uint8Array,
  ephemeral: EllswiftKey,
  lasting: EllswiftKey,
): { readonly ephemeral: Buffer; readonly lasting: Buffer } {
  const point = liftX(decodeEllswift(initiator));
  const byEphemeral = multiply(point, ephemeral.secret);
  const rest = privateSub(lasting.secret, ephemeral.secret);
  const byLasting = rest === null ? byEphemeral : pointAdd(multiply(point, rest), byEphemeral, false);
  return {
    ephemeral: sharedSecret(initiator, ephemeral.ellswift, xOf(byEphemeral)),
    lasting: sharedSecret(initiator, lasting.ellswift, xOf(byLasting!)),
  };
}

/** `v2_ecdh` of spec 4.4.2 behind the multiplication. */
function sharedSecret(initiator: Uint8Array, responder: Uint8Array, x: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([tag, tag, initiator, responder, x]), "buffer");
}

/** The point with an even y; only x of the product matters, which is the same for either. */
function liftX(x: Uint8Array): Uint8Array {
  return pointCompress(Buffer.concat([evenY, x]), false);
}

/** Never infinite: the group's order is prime and the secret less. */
function multiply(point: Uint8Array, secret: Uint8Array): Uint8Array {
  return pointMultiply(point, secret, false)!;
}

function xOf(point: Uint8Array): Uint8Array {
  return point.subarray(1, 33);
}

/** An element of the field, zero being read as one. */
function toElement(bytes: Uint8Array): bigint {
  return field.create(toInteger(bytes)) || 1n;
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

const field = secp256k1.Point.Fp;
/** The root of -3 that is a square itself. */
const minus3Root = field.sqrt(field.neg(3n));
const half = field.inv(2n);
const evenY = Uint8Array.of(2);
const tag = hash("sha256", "bip324_ellswift_xonly_ecdh", "buffer");
