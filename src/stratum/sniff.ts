import { hasProxySignature, mayBecomeProxyHeader } from "../protocol/proxy-header.ts";

/** What a connection's first bytes say about its protocol. */
export type Speaks = "stratum-v1" | "tls" | "proxy" | "http" | "unknown" | "too-short-to-tell";

const httpMethods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"];
const maxSpaces = 8;

/**
 * Total: any bytes have an answer, and once it is another than "too-short-to-tell", more bytes do not change it.
 *
 * - Stratum V1 begins with a JSON object, perhaps behind a little white space.
 * - TLS begins with the record of a handshake: 0x16, 0x03 and a minor version from 0 to 4.
 * - The PROXY protocol begins with one of its two signatures; what the proxy's client speaks comes behind its header.
 * - HTTP begins with a method and a space.
 *
 * A protocol whose first bytes can be any, as a key of Stratum V2 is, can only be served where these say "unknown".
 */
export function speaks(firstBytes: Buffer): Speaks {
  const start = firstBytes.findIndex((byte) => !isSpace(byte));
  if (firstBytes[start] === 0x7b) return start <= maxSpaces ? "stratum-v1" : "unknown";
  if (hasProxySignature(firstBytes)) return "proxy";
  if (firstBytes[0] === 0x16) return speaksTls(firstBytes);
  if (mayBecomeProxyHeader(firstBytes)) return "too-short-to-tell";
  if (start < 0) return firstBytes.length > maxSpaces ? "unknown" : "too-short-to-tell";
  return speaksHttp(firstBytes);
}

function speaksTls([, major = 0x03, minor]: Buffer): Speaks {
  if (major !== 0x03 || (minor ?? 0) > 4) return "unknown";
  return minor === undefined ? "too-short-to-tell" : "tls";
}

function speaksHttp(firstBytes: Buffer): Speaks {
  const starts = httpMethods.map((method) => `${method} `);
  const word = firstBytes.toString("latin1", 0, 8);
  if (starts.some((start) => word.startsWith(start))) return "http";
  return starts.some((start) => start.startsWith(word)) ? "too-short-to-tell" : "unknown";
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
