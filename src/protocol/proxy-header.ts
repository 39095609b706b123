/**
 * The header of HAProxy's PROXY protocol, versions 1 and 2 (proxy-protocol.txt of 2020-03-05): before a client's own
 * bytes a proxy tells whose they are. Who may say so is the caller's to decide: anybody can write such a header.
 *
 *     version 1:  PROXY TCP4|TCP6 source destination source-port destination-port\r\n
 *                 PROXY UNKNOWN …\r\n
 *
 *     version 2:  0          12        13         14       16         16 + length
 *                 | signature | version | family   | length | addresses, extras |
 *                 |           | command | protocol |        |                   |
 *
 * The extras of version 2 are skipped: the checksum among them adds nothing to TCP's.
 */
import { isIP, SocketAddress } from "node:net";

export type ProxyHeader =
  /** The bytes begin a header that more of them can make whole. */
  | { readonly kind: "incomplete" }
  /** The bytes are something else. */
  | { readonly kind: "none" }
  | { readonly kind: "invalid"; readonly why: string }
  /** `length` bytes of header; the client's own follow. */
  | { readonly kind: "header"; readonly length: number; readonly source: ProxySource | undefined };

/** Undefined where the proxy speaks for itself, or for what is neither TCP over IPv4 nor over IPv6. */
export interface ProxySource {
  /** In the one spelling of the platform; an IPv4 address inside IPv6 as IPv4. */
  readonly address: string;
  readonly port: number;
}

const textSignature = Buffer.from("PROXY ");
const binarySignature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

const incomplete: ProxyHeader = { kind: "incomplete" };
const none: ProxyHeader = { kind: "none" };

/** @param bytes all that a connection has sent so far. Never throws. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsWith(bytes, textSignature)) return readText(bytes);
  if (beginsWith(bytes, binarySignature)) return readBinary(bytes);
  return mayBecomeProxyHeader(bytes) ? incomplete : none;
}

/** True if the bytes begin with a header's signature. */
export function hasProxySignature(bytes: Buffer): boolean {
  return beginsWith(bytes, textSignature) || beginsWith(bytes, binarySignature);
}

/** True if the bytes are too few to tell, but all of a signature. */
export function mayBecomeProxyHeader(bytes: Buffer): boolean {
  return beginsWith(textSignature, bytes) || beginsWith(binarySignature, bytes);
}

function beginsWith(bytes: Buffer, start: Buffer): boolean {
  return bytes.length >= start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0;
}

function invalid(why: string): ProxyHeader {
  return { kind: "invalid", why };
}

const maxTextLength = 107;

/** Version 1. */
function readText(bytes: Buffer): ProxyHeader {
  const text = bytes.toString("latin1", 0, maxTextLength);
  const end = text.indexOf("\r\n");
  if (end >= 0) return readWhole(text.slice(0, end));
  const line = text.endsWith("\r") ? text.slice(0, -1) : text;
  if (line.length + 2 > maxTextLength) return invalid(`the line is longer than ${maxTextLength} bytes`);
  const whole = readWhole(line);
  if (whole.kind === "header" || (line === text && beginsLine(line))) return incomplete;
  return whole;
}

type Family = 4 | 6;
const families = new Map<string, Family>([
  ["TCP4", 4],
  ["TCP6", 6],
]);
const unknown = "UNKNOWN";

/** @param line without its end. */
function readWhole(line: string): ProxyHeader {
  if (!isPrintable(line)) return invalid("the line has characters that are not printable ASCII");
  const length = line.length + 2;
  const [, protocol = "", source = "", destination = "", sourcePort = "", destinationPort = "", more] =
    line.split(" ");
  if (protocol === unknown) return { kind: "header", length, source: undefined };
  const family = families.get(protocol);
  if (family === undefined) return invalid("the protocol is not TCP4, TCP6 or UNKNOWN");
  if (!isAddress(source, family) || !isAddress(destination, family))
    return invalid("an address is not valid");
  if (!isPort(sourcePort) || !isPort(destinationPort)) return invalid("a port is not valid");
  if (more !== undefined) return invalid("something follows the ports");
  return { kind: "header", length, source: { address: canonical(source), port: Number(sourcePort) } };
}

/** True if more characters can make a valid line of this one. */
function beginsLine(line: string): boolean {
  if (!isPrintable(line)) return false;
  const [, protocol = "", ...fields] = line.split(" ");
  if (fields.length === 0) return [...families.keys(), unknown].some((name) => name.startsWith(protocol));
  const family = families.get(protocol);
  if (family === undefined) return protocol === unknown;
  if (fields.length > 4) return false;
  return fields.every((field, index) => {
    const isWhole = index < fields.length - 1;
    if (index < 2) return isWhole ? isAddress(field, family) : beginsAddress(field, family);
    return isPort(field) || (!isWhole && field === "");
  });
}

function isPrintable(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** All eight groups written out: what the protocol allows for, and what keeps a line within its bound. */
const maxAddressLength = 39;

/** Strict, and without a zone, which means nothing on another machine. */
function isAddress(text: string, family: Family): boolean {
  return text.length <= maxAddressLength && !text.includes("%") && isIP(text) === family;
}

/** Whatever begins an address becomes one with one of these behind it, if it can at all. */
const completions = ["", "0", ":", "::", "0.0.0.0", ".0.0.0", "0.0.0", ".0.0", "0.0", ".0"];

function beginsAddress(text: string, family: Family): boolean {
  return completions.some((rest) => isAddress(text + rest, family));
}

/** Of every text but "" that begins a port, the port is itself one. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function canonical(address: string): string {
  if (isIP(address) === 4) return address;
  const { address: spelled } = new SocketAddress({ address, family: "ipv6" });
  return spelled.startsWith("::ffff:") && spelled.includes(".") ? spelled.slice("::ffff:".length) : spelled;
}

const fixedLength = 16;
/** So that a header is never longer than the smallest packet that every host must take. */
const maxBinaryLength = 536;
/** How long the addresses are, by family and protocol; with either of them unspecified there need be none. */
const addressLengths = new Map<number, number>([
  [0x11, 12],
  [0x12, 12],
  [0x21, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
]);
const tcpOverIpv4 = 0x11;
const tcpOverIpv6 = 0x21;

/** Version 2. Each byte is judged as soon as it is there. */
function readBinary(bytes: Buffer): ProxyHeader {
  const [first, pair, lengthHigh, lengthLow] = bytes.subarray(binarySignature.length, fixedLength);
  if (first === undefined) return incomplete;
  if (first >> 4 !== 2) return invalid("the version is not 2");
  if ((first & 0x0f) > 1) return invalid("the command is neither LOCAL nor PROXY");
  // What LOCAL says of addresses is to be ignored.
  const isLocal = (first & 0x0f) === 0;
  if (pair === undefined) return incomplete;
  if (!isLocal && !isKnownPair(pair)) return invalid("the address family or the protocol is unknown");
  if (lengthHigh === undefined) return incomplete;
  const longest = lengthHigh * 256 + (lengthLow ?? 255);
  const shortest = lengthHigh * 256 + (lengthLow ?? 0);
  if (shortest > maxBinaryLength) return invalid(`more than ${maxBinaryLength} bytes are announced`);
  if (!isLocal && longest < (addressLengths.get(pair) ?? 0)) return invalid("the addresses are cut off");
  if (lengthLow === undefined || bytes.length < fixedLength + longest) return incomplete;
  const source = isLocal ? undefined : sourceOf(pair, bytes.subarray(fixedLength));
  return { kind: "header", length: fixedLength + longest, source };
}

/** UNSPEC, IPv4, IPv6 or Unix; UNSPEC, stream or datagrams. */
function isKnownPair(pair: number): boolean {
  return pair >> 4 <= 3 && (pair & 0x0f) <= 2;
}

/** @param block source address, destination address, source port, destination port. */
function sourceOf(pair: number, block: Buffer): ProxySource | undefined {
  if (pair === tcpOverIpv4) return { address: block.subarray(0, 4).join("."), port: block.readUInt16BE(8) };
  if (pair !== tcpOverIpv6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(2 * index).toString(16));
  return { address: canonical(groups.join(":")), port: block.readUInt16BE(32) };
}
