import { readFileSync } from "node:fs";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";
import { signSchnorr, verifySchnorr } from "tiny-secp256k1";
import { expect, test } from "vitest";
import { toHex } from "../../../../../src/bitcoin/bytes.ts";
import { authorityKeyOf } from "../../../../../src/protocol/v2/noise/authority-key.ts";
import { isSignedBy, signCertificate, validityOf } from "../../../../../src/protocol/v2/noise/certificate.ts";
import { agree, createEllswiftKey, decodeEllswift } from "../../../../../src/protocol/v2/noise/ellswift.ts";
import {
  act2Bytes,
  finish,
  HandshakeFailure,
  respond,
} from "../../../../../src/protocol/v2/noise/handshake.ts";
import { randomSource } from "../../../../support/random.ts";

/** Everything from one seed, so that every byte is the same in every run. */
function aServer(seed = 1) {
  const random = randomSource(seed);
  const draw = (length: number) => random.bytes(length);
  const authoritySecret = Buffer.alloc(32, 0x11);
  const staticKey = createEllswiftKey(draw);
  const validity = { validFrom: 1_000_000, notValidAfter: 2_000_000 };
  const x = decodeEllswift(staticKey.ellswift);
  const certificate = signCertificate(authoritySecret, x, validity, Buffer.alloc(32, 0x22));
  return {
    authorityKey: authorityKeyOf(authoritySecret),
    identity: { staticKey, certificate },
    serverEphemeral: createEllswiftKey(draw),
    clientEphemeral: createEllswiftKey(draw),
    validity,
    x,
  };
}

const nowSeconds = 1_500_000;

test("both ends come to the same keys, crosswise", () => {
  const { identity, serverEphemeral, clientEphemeral, authorityKey } = aServer();
  const server = respond(clientEphemeral.ellswift, identity, serverEphemeral);
  expect(server.act2).toHaveLength(act2Bytes);
  const client = finish(server.act2, clientEphemeral, authorityKey, nowSeconds);
  expect(client).toEqual({ sendKey: server.receiveKey, receiveKey: server.sendKey });
  expect(server.sendKey).not.toEqual(server.receiveKey);
});

test("fixed keys give the transcript on file", () => {
  const { identity, serverEphemeral, clientEphemeral } = aServer();
  const { act2, receiveKey, sendKey } = respond(clientEphemeral.ellswift, identity, serverEphemeral);
  const path = new URL("../../../../vectors/noise_transcript.json", import.meta.url);
  const known = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  expect({
    act1: toHex(clientEphemeral.ellswift),
    act2: toHex(act2),
    initiator_to_responder: toHex(receiveKey),
    responder_to_initiator: toHex(sendKey),
  }).toEqual(known);
});

test("the shared secrets are those of an independent implementation of BIP 324", () => {
  const { serverEphemeral: server, clientEphemeral: client } = aServer(7);
  const bytes = (key: Uint8Array) => Uint8Array.from(key);
  const theirs = elligatorSwift.getSharedSecretBip324(
    bytes(client.secret),
    bytes(server.ellswift),
    bytes(client.ellswift),
    true,
  );
  expect(toHex(theirs)).toBe(toHex(agree(client, server.ellswift, client.ellswift, server.ellswift)));
});

test("any 64 bytes are an act 1 that is answered", () => {
  const { identity, serverEphemeral } = aServer();
  for (const act1 of [Buffer.alloc(64), Buffer.alloc(64, 0xff), randomSource(3).bytes(64)]) {
    expect(respond(act1, identity, serverEphemeral).act2).toHaveLength(act2Bytes);
  }
});

test("an act 2 of which any part was changed is refused", () => {
  const { identity, serverEphemeral, clientEphemeral, authorityKey } = aServer();
  const { act2 } = respond(clientEphemeral.ellswift, identity, serverEphemeral);
  for (const at of [0, 63, 64, 127, 128, 143, 144, 153, 154, 217, 218, 233]) {
    const changed = Buffer.from(act2);
    changed[at]! ^= 1;
    expect(finish(changed, clientEphemeral, authorityKey, nowSeconds)).toBeInstanceOf(HandshakeFailure);
  }
});

test.each([
  ["before it is valid", 1_000_000 - 11, /not valid yet/],
  ["after it was valid", 2_000_000 + 11, /expired/],
])("a certificate is refused %s, but for ten seconds of leeway", (_, atSeconds, sentence) => {
  const { identity, serverEphemeral, clientEphemeral, authorityKey } = aServer();
  const { act2 } = respond(clientEphemeral.ellswift, identity, serverEphemeral);
  const outcome = finish(act2, clientEphemeral, authorityKey, atSeconds);
  expect(outcome).toBeInstanceOf(HandshakeFailure);
  expect((outcome as HandshakeFailure).sentence).toMatch(sentence);
  const nearer = atSeconds < nowSeconds ? atSeconds + 1 : atSeconds - 1;
  expect(finish(act2, clientEphemeral, authorityKey, nearer)).not.toBeInstanceOf(HandshakeFailure);
});

test("a certificate of another authority, or of another key, is refused; who pins none takes any", () => {
  const { identity, serverEphemeral, clientEphemeral, x } = aServer();
  const { act2 } = respond(clientEphemeral.ellswift, identity, serverEphemeral);
  const other = authorityKeyOf(Buffer.alloc(32, 0x33));
  expect(finish(act2, clientEphemeral, other, nowSeconds)).toMatchObject({
    sentence: expect.stringMatching(/another authority/),
  });
  expect(finish(act2, clientEphemeral, undefined, nowSeconds)).not.toBeInstanceOf(HandshakeFailure);
  const ours = authorityKeyOf(Buffer.alloc(32, 0x11));
  expect(isSignedBy(ours, identity.certificate, x)).toBe(true);
  expect(isSignedBy(ours, identity.certificate, Buffer.alloc(32, 1))).toBe(false);
});

test("a signature of numbers that are out of range is no signature", () => {
  const { identity, x, authorityKey } = aServer();
  const certificate = Buffer.from(identity.certificate).fill(0xff, 10);
  expect(isSignedBy(authorityKey, certificate, x)).toBe(false);
});

test("a certificate says how long it is valid", () => {
  const { identity, validity } = aServer();
  expect(validityOf(identity.certificate)).toEqual(validity);
});

interface Signature {
  readonly secret_key: string | null;
  readonly public_key: string;
  readonly aux_rand: string | null;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

test("signatures are BIP 340's", () => {
  const path = new URL("../../../../vectors/bip340.json", import.meta.url);
  const all = (JSON.parse(readFileSync(path, "utf8")) as { vectors: Signature[] }).vectors;
  // What is signed here always has 32 bytes.
  const ours = all.filter(({ message }) => message.length === 64);
  expect(ours.length).toBe(15);
  const bytes = (hex: string) => Buffer.from(hex, "hex");
  for (const { secret_key, public_key, aux_rand, message, signature, valid } of ours) {
    if (secret_key && aux_rand)
      expect(toHex(signSchnorr(bytes(message), bytes(secret_key), bytes(aux_rand)))).toBe(signature);
    expect(isValid(bytes(message), bytes(public_key), bytes(signature))).toBe(valid);
  }
});

/** The library throws for what is no point of the curve, or no number of the group. */
function isValid(message: Buffer, key: Buffer, signature: Buffer): boolean {
  try {
    return verifySchnorr(message, key, signature);
  } catch {
    return false;
  }
}
