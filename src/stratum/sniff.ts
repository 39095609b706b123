import { hasProxySignature } from "../protocol/proxy-header.ts";

/** What a connection's first bytes say about its protocol. */
export type Speaks = "stratum-v1" | "stratum-v2" | "tls" | "proxy" | "http" | "unknown" | "too-short-to-tell";

const httpMethods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"];
const maxSpaces = 8;
/** Act 1 of V2's handshake: an ElligatorSwift key, which looks like random bytes and may begin with any. */
const keyLength = 64;
/** So many bytes of text in a row are no key: one in two million would begin so, and one in 10^9 with what V1 begins with. */
const tellingText = 16;

/**
 * Total: any bytes have an answer, and once it is another than "too-short-to-tell", more bytes do not change it.
 *
 * - The PROXY protocol begins with one of its two signatures; what the proxy's client speaks comes behind its header.
 * - HTTP begins with a method and a space.
 * - TLS begins with the record of a handshake: 0x16, 0x03, a minor version from 0 to 4, a length of at most 2^14, and
 *   the ClientHello's 0x01.
 * - Stratum V1 begins with a JSON object, perhaps behind a little white space: sixteen bytes of text, or a whole line.
 * - Other text is none of ours.
 * - Stratum V2 begins with 64 bytes that are none of these. Of random keys, one in some 10^9 is taken for another
 *   protocol: its client fails once, and comes again with another key.
 */
export function speaks(firstBytes: Buffer): Speaks {
  const most = Math.min(firstBytes.length, keyLength);
  let text = 0;
  while (text < most && isText(firstBytes[text]!)) text++;
  // The shortest beginning that tells is what counts: so packets make no difference.
  for (let length = 1; length <= most; length++) {
    const told = tells(firstBytes.subarray(0, length), length <= text);
    if (told !== undefined) return told;
  }
  return "too-short-to-tell";
}

/** @returns what this beginning tells; undefined if none that is a byte shorter told, and it does not either. */
function tells(beginning: Buffer, isAllText: boolean): Speaks | undefined {
  if (hasProxySignature(beginning)) return "proxy";
  if (beginning.length === tlsBytes && isClientHello(beginning)) return "tls";
  if (isAllText) return textTells(beginning);
  return beginning.length === keyLength ? "stratum-v2" : undefined;
}

function textTells(beginning: Buffer): Speaks | undefined {
  const { length } = beginning;
  if (httpStarts.has(beginning.toString("latin1", 0, longestHttpStart + 1))) return "http";
  if (beginsObject(beginning)) {
    const isWhole = beginning[length - 1] === newline && isJson(beginning.toString("latin1"));
    return length >= tellingText || isWhole ? "stratum-v1" : undefined;
  }
  if (length < tellingText) return undefined;
  return beginning.includes(newline) || length === keyLength ? "unknown" : undefined;
}

const newline = 0x0a;
const httpStarts = new Set(httpMethods.map((method) => `${method} `));
const longestHttpStart = Math.max(...[...httpStarts].map(({ length }) => length));
const tlsBytes = 6;

function isClientHello([handshake, major, minor = 0xff, lengthHigh = 0xff, , type]: Buffer): boolean {
  return handshake === 0x16 && major === 0x03 && minor <= 4 && lengthHigh <= 0x40 && type === 0x01;
}

function beginsObject(text: Buffer): boolean {
  const start = text.findIndex((byte) => !isSpace(byte));
  return start >= 0 && start <= maxSpaces && text[start] === 0x7b;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || isSpace(byte);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const explanation =
  "This is a mining port: it speaks Stratum, not HTTP.\n" +
  "Point a miner at it: stratum+tcp://THIS-HOST:THIS-PORT, with a payout address as user name.\n";

export const httpAnswer = [
  "HTTP/1.1 400 Bad Request",
  "Content-Type: text/plain; charset=utf-8",
  `Content-Length: ${explanation.length}`,
  "Connection: close",
  "",
  explanation,
].join("\r\n");
