/**
 * Noise NX as Stratum V2 uses it (spec 4.5). Pure: keys and the time come in.
 *
 *     initiator                                              responder
 *        │── act 1, 64 bytes: e ──────────────────────────────► │
 *        │◄─ act 2, 234 bytes: e, encrypted s, encrypted ────── │
 *        │   certificate of s                                   │
 *
 * Act 2 is 64 + (64 + 16) + (74 + 16) bytes; the specification's text says 170 in one place.
 */
import { certificateBytes, isSignedBy, type Validity, validityOf } from "./certificate.ts";
import { macBytes } from "./cipher-state.ts";
import { agree, agreeTwice, decodeEllswift, type EllswiftKey } from "./ellswift.ts";
import { SymmetricState } from "./symmetric-state.ts";

export const act1Bytes = 64;
export const act2Bytes = 234;

/** What a server shows. */
export interface Identity {
  readonly staticKey: EllswiftKey;
  /** 74 bytes: see certificate.ts. */
  readonly certificate: Uint8Array;
}

/** 32 bytes each. */
export interface TransportKeys {
  readonly receiveKey: Uint8Array;
  readonly sendKey: Uint8Array;
}

export interface Response extends TransportKeys {
  readonly act2: Buffer;
}

/** Why an initiator does not go on, in a sentence for a person. */
export class HandshakeFailure {
  readonly sentence: string;

  constructor(sentence: string) {
    this.sentence = sentence;
  }
}

/**
 * @param act1 64 bytes, whatever they are.
 * @param ephemeral used this once.
 */
export function respond(act1: Uint8Array, identity: Identity, ephemeral: EllswiftKey): Response {
  const state = begin(act1);
  const shared = agreeTwice(act1, ephemeral, identity.staticKey);
  state.mixHash(ephemeral.ellswift);
  state.mixKey(shared.ephemeral);
  const staticKey = state.encryptAndHash(identity.staticKey.ellswift);
  state.mixKey(shared.lasting);
  const certificate = state.encryptAndHash(identity.certificate);
  const [receiveKey, sendKey] = state.split();
  return { act2: Buffer.concat([ephemeral.ellswift, staticKey, certificate]), receiveKey, sendKey };
}

/** Devices without a clock of their own are off by a little. */
const leewaySeconds = 10;

/**
 * The initiator's part behind its act 1, which is `ephemeral.ellswift`.
 * @param act2 234 bytes.
 * @param authorityKey 32 bytes; undefined: whoever it is.
 */
export function finish(
  act2: Buffer,
  ephemeral: EllswiftKey,
  authorityKey: Uint8Array | undefined,
  nowSeconds: number,
): TransportKeys | HandshakeFailure {
  const state = begin(ephemeral.ellswift);
  const theirs = act2.subarray(0, act1Bytes);
  const staticEnd = act1Bytes + act1Bytes + macBytes;
  state.mixHash(theirs);
  state.mixKey(agree(ephemeral, theirs, ephemeral.ellswift, theirs));
  const staticKey = state.decryptAndHash(act2.subarray(act1Bytes, staticEnd));
  if (staticKey === undefined) return tampered;
  state.mixKey(agree(ephemeral, staticKey, ephemeral.ellswift, staticKey));
  const certificate = state.decryptAndHash(act2.subarray(staticEnd, staticEnd + certificateBytes + macBytes));
  if (certificate === undefined) return tampered;
  const problem = authorityKey && problemOf(Buffer.from(certificate), staticKey, authorityKey, nowSeconds);
  if (problem !== undefined) return new HandshakeFailure(problem);
  const [sendKey, receiveKey] = state.split();
  return { sendKey, receiveKey };
}

const tampered = new HandshakeFailure(
  "The server's part of the handshake cannot be decrypted: it does not speak Stratum V2, or somebody changed it on the way.",
);

function begin(act1: Uint8Array): SymmetricState {
  const state = new SymmetricState();
  state.mixHash(act1);
  state.encryptAndHash(new Uint8Array());
  return state;
}

function problemOf(
  certificate: Buffer,
  staticKey: Uint8Array,
  authorityKey: Uint8Array,
  nowSeconds: number,
): string | undefined {
  if (!isSignedBy(authorityKey, certificate, decodeEllswift(staticKey)))
    return "The server's certificate is signed by another authority than the key in the URL: check the key.";
  return problemOfTime(validityOf(certificate), nowSeconds);
}

function problemOfTime({ validFrom, notValidAfter }: Validity, nowSeconds: number): string | undefined {
  if (nowSeconds + leewaySeconds < validFrom)
    return "The server's certificate is not valid yet: check the clocks.";
  if (nowSeconds - leewaySeconds > notValidAfter)
    return "The server's certificate has expired: its operator must renew it; check this clock, too.";
  return undefined;
}
