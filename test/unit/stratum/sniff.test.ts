import { expect, test } from "vitest";
import { speaks } from "../../../src/stratum/sniff.ts";

test.each([
  ['{"id":1', "stratum-v1"],
  ["\r\n {", "stratum-v1"],
  ["GET / HTTP/1.1", "http"],
  ["POST ", "http"],
  ["OPTIONS *", "http"],
  ["CONNECT x:1", "http"],
  ["PRI * HTTP/2.0", "http"],
  ["", "too-short-to-tell"],
  ["\n", "too-short-to-tell"],
  ["G", "too-short-to-tell"],
  ["OPTIONS", "too-short-to-tell"],
  ["GETX", "unknown"],
  ["get /", "unknown"],
  ["PROXY TCP4", "unknown"],
  ["\u0016\u0003\u0001", "unknown"],
  ["[", "unknown"],
  [" ".repeat(9), "unknown"],
])("the first bytes %j are %s", (text, protocol) => {
  expect(speaks(Buffer.from(text))).toBe(protocol);
});
