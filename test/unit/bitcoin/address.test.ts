import { address as codec } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { addressOf, type Chain, chains, parseAddress } from "../../../src/bitcoin/address.ts";
import { toHex } from "../../../src/bitcoin/bytes.ts";
import { randomSource } from "../../support/random.ts";

/** From BIP 173, BIP 350 and Bitcoin Core's key_io tests; the first one is the genesis block's. */
const good: readonly [kind: string, chain: Chain, address: string, script: string][] = [
  [
    "P2PKH",
    "mainnet",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
  ],
  ["P2SH", "mainnet", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87"],
  [
    "P2WPKH",
    "mainnet",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "0014751e76e8199196d454941c45d1b3a323f1433bd6",
  ],
  [
    "P2TR",
    "mainnet",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
  ],
  [
    "P2PKH",
    "signet",
    "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac",
  ],
  [
    "P2PKH",
    "regtest",
    "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac",
  ],
  [
    "P2SH",
    "testnet4",
    "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
    "a9144e9f39ca4688ff102128ea4ccda34105324305b087",
  ],
  [
    "P2WPKH",
    "signet",
    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    "0014751e76e8199196d454941c45d1b3a323f1433bd6",
  ],
  [
    "P2WSH",
    "testnet4",
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
    "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
  ],
  [
    "P2TR",
    "signet",
    "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
    "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
  ],
];

describe.each(good)("a %s address of %s", (_, chain, address, script) => {
  test("gives the script that pays it", () => {
    const parsed = parseAddress(address, chain);
    expect(parsed).toMatchObject({ ok: true, address });
    expect(parsed.ok && toHex(parsed.script)).toBe(script);
  });

  test("is refused with one character changed, missing or added", () => {
    for (let i = 0; i < address.length; i++) {
      const other = address[i] === "q" ? "p" : "q";
      for (const wrong of [
        address.slice(0, i) + other + address.slice(i + 1),
        address.slice(0, i) + address.slice(i + 1),
        `${address.slice(0, i)}q${address.slice(i)}`,
      ]) {
        expect(parseAddress(wrong, chain), wrong).toMatchObject({ ok: false });
      }
    }
  });
});

test("upper-case bech32 is the same address, and keyed in lower case", () => {
  const parsed = parseAddress("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "mainnet");
  expect(parsed).toMatchObject({ ok: true, address: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" });
});

test.each(["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4", "Bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"])(
  "bech32 in mixed case is refused: %s",
  (address) => {
    expect(parseAddress(address, "mainnet")).toEqual({
      ok: false,
      problem: "mixed-case",
      sentence: "This address mixes upper and lower case; copy it in one case.",
    });
  },
);

test.each<[address: string, chain: Chain, sentence: string]>([
  [
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "signet",
    "This is a mainnet address, the pool is on signet.",
  ],
  ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "regtest", "This is a mainnet address, the pool is on regtest."],
  [
    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    "mainnet",
    "This is a testnet or signet address, the pool is on mainnet.",
  ],
  [
    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    "regtest",
    "This is a testnet or signet address, the pool is on regtest.",
  ],
  [
    "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
    "mainnet",
    "This is a test network address, the pool is on mainnet.",
  ],
  [
    "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "signet",
    "This is a regtest address, the pool is on signet.",
  ],
])("%s on %s: %s", (address, chain, sentence) => {
  expect(parseAddress(address, chain)).toEqual({ ok: false, problem: "foreign-chain", sentence });
});

test.each([
  ["", "malformed"],
  [" ", "malformed"],
  ["bc1", "malformed"],
  ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 ", "malformed"],
  ["hello", "malformed"],
  ["__proto__", "malformed"],
  ["1".repeat(10_000), "malformed"],
  ["ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "malformed"],
  ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "malformed"], // BIP 350: version 0 with bech32m's checksum
  ["bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "malformed"], // BIP 350: invalid character
  ["BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "malformed"], // BIP 173: program of 16 bytes for version 0
  ["BC1SW50QGDZ25J", "unsupported"], // BIP 350: version 16, valid but anyone's
  ["bc1pfeessrawgf", "unsupported"], // pay to anchor
])("%j is refused as %s", (text, problem) => {
  expect(parseAddress(text, "mainnet")).toMatchObject({ ok: false, problem });
});

test("a Taproot address whose program is no point on the curve is refused: its money would be lost", () => {
  const offTheCurve = codec.toBech32(Buffer.alloc(32, 0xff), 1, "bc");
  expect(parseAddress(offTheCurve, "mainnet")).toEqual({
    ok: false,
    problem: "malformed",
    sentence: "Nobody could spend what is paid to this address.",
  });
});

test("no text of any shape throws", () => {
  const random = randomSource(4);
  const alphabet = "bctr1qpzry9x8gf2tvdw0s3jn54khce6mua7lBC1I0O _.-é\0";
  for (let i = 0; i < 2_000; i++) {
    const length = random.integer(0, 95);
    const text = Array.from({ length }, () => alphabet[random.integer(0, alphabet.length - 1)]).join("");
    for (const chain of chains) expect(parseAddress(text, chain).ok).toBe(false);
  }
});

describe("an output script", () => {
  test.each(good)("that pays a %s address of %s has that address", (_, chain, address, script) => {
    expect(addressOf(Buffer.from(script, "hex"), chain)).toBe(address);
  });

  test("that pays no such address has none", () => {
    for (const script of ["", "51", "6a0100", `5120${"ff".repeat(32)}`, "0014"]) {
      expect(addressOf(Buffer.from(script, "hex"), "regtest"), script).toBeUndefined();
    }
  });
});
