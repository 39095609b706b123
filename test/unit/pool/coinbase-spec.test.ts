import { expect, test } from "vitest";
import { parseAddress } from "../../../src/bitcoin/address.ts";
import { coinbaseSpecOf, soloTermsOf } from "../../../src/pool/coinbase-spec.ts";
import { configOf, mainnetAddress, minimal } from "../config/builders.ts";

const other = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2";
const scriptOf = (address: string) => {
  const parsed = parseAddress(address, "mainnet");
  if (!parsed.ok) throw new Error(parsed.sentence);
  return parsed.script;
};

test("the pool's own address has what is left of the split", () => {
  const pool = { address: mainnetAddress, split: [{ address: other, percent: 2.5 }] };
  expect(coinbaseSpecOf(configOf(minimal({ pool }))).split).toEqual([
    { script: scriptOf(mainnetAddress), millionths: "rest" },
    { script: scriptOf(other), millionths: 25_000 },
  ]);
});

test("the terms of solo are part of it only where a port mines solo", () => {
  expect(coinbaseSpecOf(configOf(minimal())).solo).toBeUndefined();
  const config = configOf(minimal({ pool: { address: mainnetAddress, scheme: "solo", feePercent: 1.5 } }));
  expect(coinbaseSpecOf(config).solo).toEqual(soloTermsOf(config));
  expect(soloTermsOf(config)).toEqual({
    feeMillionths: 15_000,
    split: [{ script: scriptOf(mainnetAddress), millionths: "rest" }],
  });
});

test("an address that is none is a PoolError that names it", () => {
  const config = configOf(minimal());
  expect(() => coinbaseSpecOf({ ...config, pool: { ...config.pool, address: "nobody" } })).toThrow(
    expect.objectContaining({ code: "POOL_ADDRESS_INVALID", message: expect.stringContaining("nobody") }),
  );
});
