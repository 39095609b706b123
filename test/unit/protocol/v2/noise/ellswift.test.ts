import { readFileSync } from "node:fs";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";
import { expect, test } from "vitest";
import { toHex } from "../../../../../src/bitcoin/bytes.ts";
import {
  agree,
  agreeTwice,
  createEllswiftKey,
  decodeEllswift,
  encodeEllswift,
} from "../../../../../src/protocol/v2/noise/ellswift.ts";
import { randomSource } from "../../../../support/random.ts";

interface Decoding {
  readonly ellswift: string;
  readonly x: string;
}

interface Agreement {
  readonly priv_ours: string;
  readonly ellswift_ours: string;
  readonly ellswift_theirs: string;
  readonly initiating: boolean;
  readonly shared_secret: string;
}

interface Inverse {
  readonly u: string;
  readonly x: string;
  readonly t_by_case: readonly (string | null)[];
}

function vectors<Vector>(name: string): readonly Vector[] {
  const path = new URL(`../../../../vectors/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { vectors: Vector[] }).vectors;
}

test("any 64 bytes decode to the x coordinate that BIP 324 gives", () => {
  const all = vectors<Decoding>("ellswift_decode");
  expect(all.length).toBeGreaterThan(50);
  for (const { ellswift, x } of all) expect(toHex(decodeEllswift(fromHex(ellswift)))).toBe(x);
});

test("random bytes decode as the library decodes them", () => {
  const random = randomSource(1);
  for (let round = 0; round < 200; round++) {
    const bytes = random.bytes(64);
    expect(toHex(decodeEllswift(bytes))).toBe(toHex(elligatorSwift.decode(Uint8Array.from(bytes))));
  }
});

test("every preimage that BIP 324 lists decodes to its x coordinate, and the library finds it", () => {
  const all = vectors<Inverse>("ellswift_xswiftec_inv");
  expect(all.length).toBeGreaterThan(10);
  for (const { u, x, t_by_case } of all) {
    for (const [index, t] of t_by_case.entries()) {
      const found = elligatorSwift._inv(BigInt(`0x${x}`), BigInt(`0x${u}`), index);
      expect(found ? found.toString(16).padStart(64, "0") : null).toBe(t);
      if (t !== null) expect(toHex(decodeEllswift(fromHex(u + t)))).toBe(x);
    }
  }
});

test("both ends agree on BIP 324's shared secret, the initiator's key being hashed first", () => {
  const all = vectors<Agreement>("ellswift_xdh_bip324");
  expect(all.length).toBeGreaterThan(5);
  for (const vector of all) {
    const own = { secret: fromHex(vector.priv_ours), ellswift: fromHex(vector.ellswift_ours) };
    const theirs = fromHex(vector.ellswift_theirs);
    const [initiator, responder] = vector.initiating ? [own.ellswift, theirs] : [theirs, own.ellswift];
    expect(toHex(agree(own, theirs, initiator, responder))).toBe(vector.shared_secret);
  }
});

test("the responder's two agreements at once are the two by themselves", () => {
  const random = randomSource(2);
  const draw = (length: number) => random.bytes(length);
  for (let round = 0; round < 10; round++) {
    const [initiator, ephemeral, lasting] = [draw(64), createEllswiftKey(draw), createEllswiftKey(draw)];
    const both = agreeTwice(initiator, ephemeral, lasting);
    expect(both.ephemeral).toEqual(agree(ephemeral, initiator, initiator, ephemeral.ellswift));
    expect(both.lasting).toEqual(agree(lasting, initiator, initiator, lasting.ellswift));
  }
});

test("a key is another each time it is encoded, and decodes to the same x coordinate", () => {
  const random = randomSource(3);
  const { ellswift } = createEllswiftKey((length) => random.bytes(length));
  const x = decodeEllswift(ellswift);
  const again = encodeEllswift(x, (length) => random.bytes(length));
  expect(toHex(again)).not.toBe(toHex(ellswift));
  expect(toHex(decodeEllswift(again))).toBe(toHex(x));
});

function fromHex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
