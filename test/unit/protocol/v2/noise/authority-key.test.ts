import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { toHex } from "../../../../../src/bitcoin/bytes.ts";
import {
  authorityKeyOf,
  decodeAuthorityKey,
  decodeAuthoritySecret,
  encodeAuthorityKey,
  encodeAuthoritySecret,
} from "../../../../../src/protocol/v2/noise/authority-key.ts";

interface Vectors {
  readonly pairs: readonly { readonly public: string; readonly secret: string }[];
  readonly vectors: readonly {
    readonly kind: "public" | "secret";
    readonly text: string;
    readonly valid: boolean;
    readonly key_hex?: string;
  }[];
}

const path = new URL("../../../../vectors/authority_keys.json", import.meta.url);
const known = JSON.parse(readFileSync(path, "utf8")) as Vectors;

test.each(known.vectors)("$kind $text is a key: $valid", ({ kind, text, valid, key_hex }) => {
  const key = kind === "public" ? decodeAuthorityKey(text) : decodeAuthoritySecret(text);
  expect(key && toHex(key)).toBe(valid ? key_hex : undefined);
  if (key === undefined) return;
  expect(kind === "public" ? encodeAuthorityKey(key) : encodeAuthoritySecret(key)).toBe(text);
});

test("the public key belongs to the secret one", () => {
  expect(known.pairs.length).toBeGreaterThan(1);
  for (const pair of known.pairs) {
    expect(encodeAuthorityKey(authorityKeyOf(decodeAuthoritySecret(pair.secret)!))).toBe(pair.public);
  }
});

test.each(["", "0OIl", "stratum2+tcp://pool", known.pairs[0]!.secret, known.pairs[0]!.public.slice(1)])(
  "%j is no public key",
  (text) => {
    expect(decodeAuthorityKey(text)).toBeUndefined();
  },
);

test("a text of the right form is no public key if no point of the curve has its x coordinate", () => {
  expect(decodeAuthorityKey(encodeAuthorityKey(new Uint8Array(32).fill(0xff)))).toBeUndefined();
});
