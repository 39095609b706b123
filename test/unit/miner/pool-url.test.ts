import { expect, test } from "vitest";
import { parsePoolUrl } from "../../../src/miner/pool-url.ts";
import { authorityKeyOf, encodeAuthorityKey } from "../../../src/protocol/v2/noise/authority-key.ts";

test.each([
  ["stratum+tcp://pool.example:3333", "pool.example", 3333],
  ["stratum+tcp://127.0.0.1:1/", "127.0.0.1", 1],
  ["stratum+tcp://[::1]:3333", "::1", 3333],
  ["tcp://pool:4444", "pool", 4444],
  ["pool:4444", "pool", 4444],
  ["pool", "pool", 3333],
])("%s is the host %s and the port %d", (url, host, port) => {
  expect(parsePoolUrl(url)).toEqual({ protocol: "v1", host, port });
});

const authorityKey = authorityKeyOf(Buffer.alloc(32, 9));
const key = encodeAuthorityKey(authorityKey);

test.each([
  [`stratum2+tcp://pool.example:3334/${key}`, "pool.example", 3334],
  [`stratum2+tcp://pool.example/${key}`, "pool.example", 3333],
  [`stratum2+tcp://[::1]:3333/${key}`, "::1", 3333],
])("%s is Stratum V2 at the host %s and the port %d", (url, host, port) => {
  expect(parsePoolUrl(url)).toEqual({ protocol: "v2", host, port, authorityKey });
});

test.each([
  "",
  "/",
  `/${key.slice(0, -1)}`,
  `/${key.replace(/.$/, (last) => (last === "1" ? "2" : "1"))}`,
  `/${key}/`,
  "/0OIl",
])(
  "a URL of Stratum V2 that ends with %j, instead of its key, is refused with where the key comes from",
  (end) => {
    expect(() => parsePoolUrl(`stratum2+tcp://pool:3333${end}`)).toThrow(
      expect.objectContaining({
        code: "MINER_KEY_INVALID",
        hint: expect.stringContaining("penstock v2 key"),
      }),
    );
  },
);

test.each([
  "",
  "http://pool:80",
  "stratum+ssl://pool:3333",
  "stratum2+ssl://pool:3333",
  `stratum2+tcp://pool:0/${key}`,
  `stratum+tcp://pool:3333/${key}`,
  "stratum2+tcp://",
  "pool:0",
  "pool:65536",
  "pool:x",
  "user@pool:1",
  "a b:1",
  "::1",
])("%j is refused with what to write instead", (url) => {
  expect(() => parsePoolUrl(url)).toThrow(expect.objectContaining({ code: "MINER_URL_INVALID" }));
});
