/** What a connection's first bytes say about its protocol. */
export type Speaks = "stratum-v1" | "http" | "unknown" | "too-short-to-tell";

const httpMethods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"];
const longestMethod = 7;

/** Stratum V1 begins with a JSON object, HTTP with a method and a space; nothing else is served on this port. */
export function speaks(firstBytes: Buffer): Speaks {
  const start = firstBytes.findIndex((byte) => !isSpace(byte));
  if (start < 0) return firstBytes.length > longestMethod ? "unknown" : "too-short-to-tell";
  if (firstBytes[start] === 0x7b) return "stratum-v1";
  const word = firstBytes.toString("latin1", start, start + longestMethod + 1);
  if (httpMethods.some((method) => word.startsWith(`${method} `))) return "http";
  const maybeHttp = httpMethods.some((method) => `${method} `.startsWith(word));
  return maybeHttp ? "too-short-to-tell" : "unknown";
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
