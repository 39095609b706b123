import { expect, test } from "vitest";
import { displayHash, fromDisplayHash, sha256d } from "../../../src/bitcoin/hash.ts";

const abcTwice = "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358";

test("sha256d is SHA-256 applied twice", () => {
  expect(sha256d(Buffer.from("abc")).toString("hex")).toBe(abcTwice);
});

test("sha256d hashes exactly the bytes of a view", () => {
  expect(sha256d(Buffer.from("xabcx").subarray(1, 4)).toString("hex")).toBe(abcTwice);
});

test("display order is the reverse of internal order, and reading it back gives the same bytes", () => {
  const hash = sha256d(Buffer.from("abc"));
  expect(displayHash(hash)).toBe("58636c3ec08c12d55aedda056d602d5bcca72d8df6a69b519b72d32dc2428b4f");
  expect(fromDisplayHash(displayHash(hash))).toEqual(hash);
  expect(hash.toString("hex")).toBe(abcTwice); // untouched
});

test.each([
  "",
  "00",
  "g".repeat(64),
  `0x${"0".repeat(62)}`,
  "0".repeat(63),
  "0".repeat(65),
  `${"0".repeat(63)} `,
])("%j is refused as a hash", (text) => {
  expect(() => fromDisplayHash(text)).toThrow(expect.objectContaining({ code: "HASH_MALFORMED" }));
});
