import { expect, test } from "vitest";
import { type Speaks, speaks } from "../../../src/stratum/sniff.ts";
import { mulberry32 } from "../../support/random.ts";

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
  ["PROXY TCP4", "proxy"],
  ["PROXY ", "proxy"],
  ["PROXY", "too-short-to-tell"],
  ["PR", "too-short-to-tell"],
  ["PROXYX", "unknown"],
  ["proxy TCP4", "unknown"],
  [" PROXY TCP4", "unknown"],
  ["\r\n\r\n\0\r\nQUIT\n", "proxy"],
  ["\r\n\r\n\0\r\nQUIT\n!", "proxy"],
  ["\r\n\r\n\0\r\nQUIT", "too-short-to-tell"],
  ["\r\n\r\n\0\r\nQUIT\r", "unknown"],
  ["\r\n\r\n", "too-short-to-tell"],
  ["\r\n\r\n{", "stratum-v1"],
  ["\r\n\r\n\0\r\n{", "unknown"],
  ["\u0016\u0003\u0000", "tls"],
  ["\u0016\u0003\u0001", "tls"],
  ["\u0016\u0003\u0004\u0001", "tls"],
  ["\u0016\u0003\u0005", "unknown"],
  ["\u0016\u0002\u0001", "unknown"],
  ["\u0016", "too-short-to-tell"],
  ["\u0016\u0003", "too-short-to-tell"],
  ["\u0016\u0000", "unknown"],
  [" \u0016\u0003\u0001", "unknown"],
  ["\u0017\u0003\u0001", "unknown"],
  ["\u0080\u0003\u0001", "unknown"],
  [" GET /", "unknown"],
  ["        {", "stratum-v1"],
  ["         {", "unknown"],
  ["[", "unknown"],
  [" ".repeat(9), "unknown"],
])("the first bytes %j are %s", (text, protocol) => {
  expect(speaks(Buffer.from(text))).toBe(protocol);
});

test("any bytes have an answer, and once it is told more bytes do not change it", () => {
  const below = mulberry32(11);
  const scraps = [
    "{",
    "G",
    "GET ",
    "PRO",
    "XY ",
    "PRI ",
    "\r\n",
    " ",
    "\0",
    "QUIT\n",
    "\u0016",
    "\u0003",
    "\u0001",
  ];
  for (let round = 0; round < 50_000; round++) {
    let bytes = Buffer.alloc(0);
    let told: Speaks = "too-short-to-tell";
    for (let piece = 0; piece < 8; piece++) {
      const scrap = below(4) === 0 ? Buffer.of(below(256)) : Buffer.from(scraps[below(scraps.length)]!);
      bytes = Buffer.concat([bytes, scrap]);
      const now = speaks(bytes);
      if (told !== "too-short-to-tell" && now !== told)
        expect.fail(`${JSON.stringify(bytes.toString("latin1"))}: ${told}, ${now}`);
      told = now;
    }
  }
});
