import { expect, test } from "vitest";
import {
  hasProxySignature,
  mayBecomeProxyHeader,
  readProxyHeader,
} from "../../../src/protocol/proxy-header.ts";
import {
  aBinaryHeader,
  anIpv4Block,
  anIpv6Block,
  aTextHeader,
  type BinaryHeader,
  binarySignature,
} from "../../support/proxy-headers.ts";

const full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

test.each([
  ["TCP4 192.0.2.1 198.51.100.2 56324 3333", "192.0.2.1", 56324],
  ["TCP4 255.255.255.255 0.0.0.0 65535 0", "255.255.255.255", 65535],
  ["TCP4 10.0.0.1 10.0.0.2 0 65535", "10.0.0.1", 0],
  ["TCP6 2001:db8::1 2001:db8::2 56324 3333", "2001:db8::1", 56324],
  ["TCP6 2001:0DB8:0:0:0:0:0:0001 :: 1 2", "2001:db8::1", 1],
  ["TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 2", "192.0.2.1", 1],
  ["TCP6 ::FFFF:c000:0201 :: 1 2", "192.0.2.1", 1],
  [`TCP6 ${full} ${full} 65535 65535`, full, 65535],
])("version 1: %s comes from %s, port %d", (rest, address, port) => {
  const bytes = aTextHeader(rest);
  expect(readProxyHeader(bytes)).toEqual({
    kind: "header",
    length: bytes.length,
    source: { address, port },
  });
});

test.each(["UNKNOWN", "UNKNOWN ", "UNKNOWN anything at all", `UNKNOWN ${full} ${full} 65535 65535`])(
  "version 1: %s has no source",
  (rest) => {
    const bytes = aTextHeader(rest);
    expect(readProxyHeader(bytes)).toEqual({ kind: "header", length: bytes.length, source: undefined });
  },
);

test.each([
  ["no protocol", "PROXY \r\n"],
  ["a protocol of its own", "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"],
  ["the protocol in lower case", "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n"],
  ["a word that begins with UNKNOWN", "PROXY UNKNOWNS\r\n"],
  ["two spaces", "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"],
  ["a tab", "PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n"],
  ["a space at the end", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"],
  ["a field too many", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"],
  ["a field too few", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"],
  ["no addresses", "PROXY TCP4\r\n"],
  ["a leading zero", "PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n"],
  ["a number above 255", "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n"],
  ["three numbers", "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"],
  ["a name for the address", "PROXY TCP4 localhost 5.6.7.8 1 2\r\n"],
  ["a bad destination", "PROXY TCP4 1.2.3.4 x 1 2\r\n"],
  ["IPv6 as TCP4", "PROXY TCP4 ::1 ::2 1 2\r\n"],
  ["IPv4 as TCP6", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"],
  ["a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n"],
  ["brackets", "PROXY TCP6 [::1] [::2] 1 2\r\n"],
  ["nine groups", "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::2 1 2\r\n"],
  ["two double colons", "PROXY TCP6 1::2::3 ::2 1 2\r\n"],
  ["five digits in a group", "PROXY TCP6 00001::2 ::2 1 2\r\n"],
  ["a port above 65535", "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"],
  ["a port with a leading zero", "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"],
  ["a negative port", "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"],
  ["a port in hex", "PROXY TCP4 1.2.3.4 5.6.7.8 1 0x2\r\n"],
  ["a line feed alone", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"],
  ["a carriage return alone", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx"],
  ["a line feed within", "PROXY UNKNOWN a\nb\r\n"],
  ["a byte that is not ASCII", "PROXY UNKNOWN \xe9\r\n"],
  ["a null byte", "PROXY UNKNOWN \0\r\n"],
  ["108 bytes", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`],
  ["107 bytes and no end", `PROXY UNKNOWN ${"x".repeat(93)}`],
])("version 1 with %s is invalid", (_, text) => {
  expect(readProxyHeader(Buffer.from(text, "latin1"))).toEqual({
    kind: "invalid",
    why: expect.stringMatching(/\S/),
  });
});

test("version 1: 107 bytes are not too many", () => {
  const bytes = aTextHeader(`UNKNOWN ${"x".repeat(91)}`);
  expect(bytes).toHaveLength(107);
  expect(readProxyHeader(bytes)).toMatchObject({ kind: "header", length: 107 });
});

test.each([
  "PROXY TCP5",
  "PROXY TCP4 1.2.3.4 5.6.7.8 99999",
  "PROXY TCP4 999",
  "PROXY TCP4 1.2.3.4.",
  "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 ",
  "PROXY TCP6 1.2",
  "PROXY TCP6 1:2:3:4:5:6:7:8:",
  "PROXY TCP6 12345",
  "PROXY TCP6 g",
  "PROXY TCP4 1.2.3.4 5.6.7.8\r",
  "PROXY X",
  "PROXY  ",
  "PROXY UNKNOWN\t",
  `PROXY UNKNOWN ${"x".repeat(92)}`,
])("version 1: %j is invalid before its end is there", (text) => {
  expect(readProxyHeader(Buffer.from(text))).toMatchObject({ kind: "invalid" });
});

const extras = Buffer.concat([Buffer.from("040003000000", "hex"), Buffer.from("02000461626364", "hex")]);

test.each<[string, BinaryHeader, { address: string; port: number } | undefined]>([
  ["TCP over IPv4", {}, { address: "192.0.2.1", port: 56324 }],
  ["TCP over IPv6", { pair: 0x21, block: anIpv6Block }, { address: "2001:db8::1", port: 56324 }],
  [
    "IPv4 inside IPv6",
    { pair: 0x21, block: Buffer.from(`${"00".repeat(10)}ffffc0000201${"00".repeat(16)}00010002`, "hex") },
    { address: "192.0.2.1", port: 1 },
  ],
  [
    "extras behind the addresses",
    { block: Buffer.concat([anIpv4Block, extras]) },
    {
      address: "192.0.2.1",
      port: 56324,
    },
  ],
  [
    "as much as is allowed",
    { block: Buffer.concat([anIpv4Block, Buffer.alloc(524)]) },
    {
      address: "192.0.2.1",
      port: 56324,
    },
  ],
  ["LOCAL", { versionAndCommand: 0x20, pair: 0, block: Buffer.alloc(0) }, undefined],
  ["LOCAL with addresses", { versionAndCommand: 0x20 }, undefined],
  ["LOCAL with a family that nobody knows", { versionAndCommand: 0x20, pair: 0xff }, undefined],
  ["LOCAL with extras", { versionAndCommand: 0x20, pair: 0, block: extras }, undefined],
  ["an unspecified family", { pair: 0x00, block: Buffer.alloc(0) }, undefined],
  ["an unspecified family with bytes", { pair: 0x00, block: anIpv4Block }, undefined],
  ["an unspecified protocol", { pair: 0x10, block: anIpv4Block }, undefined],
  ["datagrams over IPv4", { pair: 0x12 }, undefined],
  ["datagrams over IPv6", { pair: 0x22, block: anIpv6Block }, undefined],
  ["a Unix stream", { pair: 0x31, block: Buffer.alloc(216) }, undefined],
  ["Unix datagrams", { pair: 0x32, block: Buffer.alloc(216) }, undefined],
])("version 2 with %s is read", (_, header, source) => {
  const bytes = aBinaryHeader(header);
  expect(readProxyHeader(bytes)).toEqual({ kind: "header", length: bytes.length, source });
});

test.each<[string, BinaryHeader]>([
  ["version 1", { versionAndCommand: 0x11 }],
  ["version 3", { versionAndCommand: 0x31 }],
  ["an unassigned command", { versionAndCommand: 0x22 }],
  ["an unknown family", { pair: 0x41 }],
  ["an unknown protocol", { pair: 0x13 }],
  ["too few bytes for IPv4", { block: anIpv4Block.subarray(0, 11) }],
  ["no bytes for IPv4", { block: Buffer.alloc(0) }],
  ["too few bytes for IPv6", { pair: 0x21, block: anIpv6Block.subarray(0, 35) }],
  ["too few bytes for Unix", { pair: 0x31, block: Buffer.alloc(215) }],
  ["more bytes than are allowed", { block: Buffer.alloc(537) }],
  ["as many bytes as can be said", { length: 65_535 }],
])("version 2 with %s is invalid", (_, header) => {
  expect(readProxyHeader(aBinaryHeader(header))).toEqual({
    kind: "invalid",
    why: expect.stringMatching(/\S/),
  });
});

test.each<[string, Buffer]>([
  ["the version", Buffer.concat([binarySignature, Buffer.of(0x31)])],
  ["the command", Buffer.concat([binarySignature, Buffer.of(0x2f)])],
  ["the family", Buffer.concat([binarySignature, Buffer.of(0x21, 0x41)])],
  [
    "the first byte of a length that is too large",
    Buffer.concat([binarySignature, Buffer.of(0x21, 0x11, 3)]),
  ],
  ["the length", Buffer.concat([binarySignature, Buffer.of(0x21, 0x11, 0, 11)])],
])("version 2: %s is judged when it is there", (_, bytes) => {
  expect(readProxyHeader(bytes)).toMatchObject({ kind: "invalid" });
  expect(readProxyHeader(bytes.subarray(0, -1))).toEqual({ kind: "incomplete" });
});

test("what follows a header is the client's own", () => {
  for (const header of [aTextHeader(), aBinaryHeader()]) {
    const bytes = Buffer.concat([header, Buffer.from('{"id":1}\r\n')]);
    expect(readProxyHeader(bytes)).toMatchObject({ kind: "header", length: header.length });
  }
});

test.each<[string, string]>([
  ["a Stratum request", '{"id":1}'],
  ["blank lines before one", '\r\n\r\n{"id":1}'],
  ["TLS", "\x16\x03\x01"],
  ["HTTP", "PRI * HTTP/2.0\r\n\r\n"],
  ["PROXY without a space", "PROXYTCP4"],
  ["proxy in lower case", "proxy TCP4"],
  ["a signature behind a space", " PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"],
  ["a broken signature", "\r\n\r\n\0\r\nQUIT\r"],
])("%s is no PROXY header", (_, text) => {
  const bytes = Buffer.from(text, "latin1");
  expect(readProxyHeader(bytes)).toEqual({ kind: "none" });
  expect(hasProxySignature(bytes)).toBe(false);
  expect(mayBecomeProxyHeader(bytes)).toBe(false);
});

test("a part of a signature may become one", () => {
  for (const bytes of ["", "P", "PROXY", "\r", "\r\n\r\n\0\r\nQUIT"].map((text) => Buffer.from(text))) {
    expect(readProxyHeader(bytes)).toEqual({ kind: "incomplete" });
    expect(mayBecomeProxyHeader(bytes)).toBe(true);
    expect(hasProxySignature(bytes)).toBe(false);
  }
});
