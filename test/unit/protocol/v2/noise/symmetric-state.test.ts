import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { toHex } from "../../../../../src/bitcoin/bytes.ts";
import { CipherState } from "../../../../../src/protocol/v2/noise/cipher-state.ts";
import { hkdf } from "../../../../../src/protocol/v2/noise/hkdf.ts";
import { SymmetricState } from "../../../../../src/protocol/v2/noise/symmetric-state.ts";

function vectors(name: string) {
  return JSON.parse(
    readFileSync(new URL(`../../../../vectors/${name}.json`, import.meta.url), "utf8"),
  ) as Record<string, never>;
}

test("a handshake starts from the protocol's name", () => {
  const constants = vectors("noise_constants");
  const state = new SymmetricState();
  expect(toHex(state.chainingKey)).toBe(constants["chaining_key_initial_sha256_name"]);
  expect(toHex(state.hash)).toBe(constants["handshake_hash_initial_sha256_of_that"]);
});

test("HKDF has two outputs of 32 bytes", () => {
  const rows = [vectors("aead_hkdf")["hkdf_two_outputs"]].flat() as unknown as Record<string, string>[];
  expect(rows.length).toBeGreaterThan(0);
  for (const { chaining_key, input_key_material, output1, output2 } of rows) {
    expect(hkdf(fromHex(chaining_key!), fromHex(input_key_material!)).map(toHex)).toEqual([output1, output2]);
  }
});

test("two ends that mixed the same read what the other wrote, and nothing else", () => {
  const [one, other] = [new SymmetricState(), new SymmetricState()];
  for (const state of [one, other]) {
    expect(state.encryptAndHash(Buffer.from("plain"))).toEqual(Buffer.from("plain"));
    state.mixKey(Buffer.alloc(32, 7));
  }
  const sealed = one.encryptAndHash(Buffer.from("secret"));
  expect(sealed).toHaveLength(6 + 16);
  expect(other.decryptAndHash(sealed)).toEqual(Buffer.from("secret"));
  expect(one.hash).toEqual(other.hash);
  expect(one.split()).toEqual(other.split());
  expect(other.decryptAndHash(sealed)).toBeUndefined();
});

test("a message that was changed, repeated or cut off ends a cipher's direction for good", () => {
  const key = Buffer.alloc(32, 1);
  const spoil = [
    (sealed: Buffer) => Buffer.concat([sealed.subarray(0, -1), Buffer.of(sealed.at(-1)! ^ 1)]),
    (sealed: Buffer) => sealed.subarray(1),
    () => Buffer.alloc(3),
  ];
  for (const change of spoil) {
    const [sender, receiver] = [new CipherState(key), new CipherState(key)];
    const first = sender.encrypt(Buffer.from("one"));
    expect(receiver.decrypt(first)).toEqual(Buffer.from("one"));
    const second = sender.encrypt(Buffer.from("two"));
    expect(receiver.decrypt(change(second))).toBeUndefined();
    expect(receiver.decrypt(second)).toBeUndefined();
  }
});

function fromHex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
