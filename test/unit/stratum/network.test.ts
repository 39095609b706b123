import { isIPv6 } from "node:net";
import { expect, test } from "vitest";
import {
  contains,
  networkOf,
  networkText,
  parseAddress,
  parseNetwork,
  peerNetworks,
} from "../../../src/stratum/network.ts";
import { randomSource } from "../../support/random.ts";

const addressOf = (text: string) => parseAddress(text)!;

test.each([
  ["1.2.3.4", "1.2.3.4", "1.2.3.0/24"],
  ["255.255.255.255", "255.255.255.255", "255.255.255.0/24"],
  ["::ffff:1.2.3.4", "1.2.3.4", "1.2.3.0/24"],
  ["::ffff:102:304", "1.2.3.4", "1.2.3.0/24"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"],
  ["2001:DB8::1", "2001:db8::/64", "2001:db8::/48"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64", "2001:db8:1::/48"],
  ["2001:db8:0:2::", "2001:db8:0:2::/64", "2001:db8::/48"],
  ["::1", "::/64", "::/48"],
  ["fe80::1%eth0", "fe80::/64", "fe80::/48"],
  ["64:ff9b::1.2.3.4", "64:ff9b::/64", "64:ff9b::/48"],
])("%s is counted with all of %s and of %s", (text, address, subnet) => {
  expect(peerNetworks(addressOf(text))).toEqual({ address, subnet });
});

test.each([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "localhost",
  "1::2::3",
  ":::",
  "%eth0",
  "1.2.3.4/24",
])("%j is no address", (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

test.each([
  ["1.2.3.4", "1.2.3.4"],
  ["1.2.3.4/32", "1.2.3.4"],
  ["1.2.3.4/24", "1.2.3.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["2001:db8:1:2:3::", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:3::/80", "2001:db8:1:2:3::/80"],
  ["2001:db8::1/128", "2001:db8::1/128"],
  ["::/0", "::/0"],
])("the network %s is written %s", (text, spelling) => {
  const network = parseNetwork(text)!;
  expect(networkText(network)).toBe(spelling);
  expect(networkText(parseNetwork(spelling)!)).toBe(spelling);
});

test.each([
  "1.2.3.4/33",
  "1.2.3.4/",
  "1.2.3.4/-1",
  "1.2.3.4/024",
  "1.2.3.4/2 4",
  "::/129",
  "::ffff:1.2.3.4/120",
  "all",
  "/8",
])("%j is no network", (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});

test.each([
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["::", "::"],
  ["1:0:0:0:0:0:0:0", "1::"],
])("IPv6 is written as RFC 5952 says: %s is %s", (text, spelling) => {
  expect(networkText(networkOf(addressOf(text), 128))).toBe(`${spelling}/128`);
});

test("a network contains the addresses with its prefix, and none of the other family", () => {
  const network = parseNetwork("10.1.0.0/16")!;
  expect(contains(network, addressOf("10.1.255.255"))).toBe(true);
  expect(contains(network, addressOf("::ffff:10.1.0.1"))).toBe(true);
  expect(contains(network, addressOf("10.2.0.0"))).toBe(false);
  expect(contains(parseNetwork("0.0.0.0/0")!, addressOf("::1"))).toBe(false);
  expect(contains(parseNetwork("2001:db8::/32")!, addressOf("2001:db8:ffff::1"))).toBe(true);
});

test("every address reads back from its spelling, and every network contains what it was made of", () => {
  const random = randomSource(7);
  for (let round = 0; round < 3000; round++) {
    const family = random.integer(0, 1) === 0 ? 4 : 6;
    const width = family === 4 ? 32 : 128;
    // Sparse bits, so that runs of zeros come in every shape.
    const bits = random.bigint(width) & random.bigint(width) & random.bigint(width);
    if (family === 6 && bits >> 32n === 0xffffn) continue;
    const address = { family, bits } as const;
    const text = networkText(networkOf(address, width)).replace("/128", "");
    if (family === 6) expect(isIPv6(text)).toBe(true);
    expect(parseAddress(text)).toEqual(address);
    expect(contains(networkOf(address, random.integer(0, width)), address)).toBe(true);
  }
});
