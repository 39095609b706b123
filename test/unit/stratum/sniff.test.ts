import { expect, test } from "vitest";
import { type Speaks, speaks } from "../../../src/stratum/sniff.ts";
import { mulberry32, randomSource } from "../../support/random.ts";

test.each([
  ['{"id":1,"method":"x"', "stratum-v1"],
  ['{"id":1', "too-short-to-tell"],
  ['{"id":1}\n', "stratum-v1"],
  ["{}\n", "stratum-v1"],
  ["{\n", "too-short-to-tell"],
  ['{"id"\n', "too-short-to-tell"],
  ['\r\n {"id": 1, "meth', "stratum-v1"],
  ["{ any text at all", "stratum-v1"],
  ["GET / HTTP/1.1", "http"],
  ["POST ", "http"],
  ["OPTIONS *", "http"],
  ["CONNECT x:1", "http"],
  ["PRI * HTTP/2.0", "http"],
  ["", "too-short-to-tell"],
  ["\n", "too-short-to-tell"],
  ["G", "too-short-to-tell"],
  ["OPTIONS", "too-short-to-tell"],
  ["GETX /index.html HTTP/1.1\r\n", "unknown"],
  ["get / HTTP/1.1\r\n", "unknown"],
  ["SSH-2.0-OpenSSH_9.2\r\n", "unknown"],
  ["SSH-2.0-OpenSSH_9.2", "too-short-to-tell"],
  ["no end of text ".repeat(5), "unknown"],
  ["PROXY TCP4", "proxy"],
  ["PROXY ", "proxy"],
  ["PROXY", "too-short-to-tell"],
  ["\r\n\r\n\0\r\nQUIT\n", "proxy"],
  ["\r\n\r\n\0\r\nQUIT\n!", "proxy"],
  ["\r\n\r\n\0\r\nQUIT", "too-short-to-tell"],
  ["\u0016\u0003\u0001\u0002\u0000\u0001", "tls"],
  ["\u0016\u0003\u0003\u0002\u0000\u0001\u0000", "tls"],
  ["\u0016\u0003\u0001\u0002\u0000", "too-short-to-tell"],
  [`\u0016\u0003\u0001\u0002\u0000\u0002${"\0".repeat(58)}`, "stratum-v2"],
  [`\u0016\u0003\u0005\u0002\u0000\u0001${"\0".repeat(58)}`, "stratum-v2"],
  [`\u0016\u0003\u0001\u0041\u0000\u0001${"\0".repeat(58)}`, "stratum-v2"],
  [`        {"id":1,"method":1`, "stratum-v1"],
  [`         {"id":1,"method":1\n`, "unknown"],
  ["[1, 2, 3, 4, 5, 6]\n", "unknown"],
  ["\0".repeat(63), "too-short-to-tell"],
  ["\0".repeat(64), "stratum-v2"],
  [`{"id":\0`.padEnd(64, "x"), "stratum-v2"],
  [`GET\0${"x".repeat(60)}`, "stratum-v2"],
])("the first bytes %j are %s", (text, protocol) => {
  expect(speaks(Buffer.from(text))).toBe(protocol);
});

test.each([..."{GPO\n\r \u0016\t["])(
  "a V2 key that begins with %j is a V2 key, whatever follows",
  (first) => {
    const random = randomSource(first.charCodeAt(0));
    for (let round = 0; round < 10_000; round++) {
      const key = random.bytes(64);
      key[0] = first.charCodeAt(0);
      if (speaks(key) !== "stratum-v2") expect.fail(key.toString("hex"));
    }
  },
);

test("any bytes have an answer, and once it is told more bytes do not change it", () => {
  const below = mulberry32(11);
  const scraps = [
    "{",
    '{"id":1',
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
