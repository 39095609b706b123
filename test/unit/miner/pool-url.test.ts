import { expect, test } from "vitest";
import { parsePoolUrl } from "../../../src/miner/pool-url.ts";

test.each([
  ["stratum+tcp://pool.example:3333", "pool.example", 3333],
  ["stratum+tcp://127.0.0.1:1/", "127.0.0.1", 1],
  ["stratum+tcp://[::1]:3333", "::1", 3333],
  ["tcp://pool:4444", "pool", 4444],
  ["pool:4444", "pool", 4444],
  ["pool", "pool", 3333],
])("%s is the host %s and the port %d", (url, host, port) => {
  expect(parsePoolUrl(url)).toEqual({ host, port });
});

test.each([
  "",
  "http://pool:80",
  "stratum+ssl://pool:3333",
  "pool:0",
  "pool:65536",
  "pool:x",
  "user@pool:1",
  "a b:1",
  "::1",
])("%j is refused with what to write instead", (url) => {
  expect(() => parsePoolUrl(url)).toThrow(expect.objectContaining({ code: "MINER_URL_INVALID" }));
});
