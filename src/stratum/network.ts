/**
 * IP addresses as values, and the networks by which peers are counted: one IPv4 address or the /64 that one IPv6
 * customer usually has, and around it the /24 or /48 of one site. An IPv4 address in IPv6's clothes (::ffff:1.2.3.4, as
 * a socket on :: reports it) is that IPv4 address.
 */
import { isIPv4, isIPv6 } from "node:net";

export interface Address {
  readonly family: 4 | 6;
  /** The 32 or 128 bits of the address. */
  readonly bits: bigint;
}

export interface Network extends Address {
  /** Bits of the prefix; all bits behind it are zero. */
  readonly length: number;
}

/** The two networks that a peer is counted in, in their one spelling. */
export interface PeerNetworks {
  /** `1.2.3.4` or `2001:db8:1:2::/64`. */
  readonly address: string;
  /** `1.2.3.0/24` or `2001:db8:1::/48`. */
  readonly subnet: string;
}

const widthOf = { 4: 32, 6: 128 } as const;
/** What counts as one address, and as one subnet. */
const addressLength = { 4: 32, 6: 64 } as const;
const subnetLength = { 4: 24, 6: 48 } as const;
const mappedPrefix = 0xffffn;

/** @returns undefined for text that is no address. A zone (`%eth0`) is passed over. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, bits: ipv4Bits(text) };
  if (!isIPv6(text)) return undefined;
  const bits = ipv6Bits(text.split("%")[0]!);
  return bits >> 32n === mappedPrefix ? { family: 4, bits: BigInt.asUintN(32, bits) } : { family: 6, bits };
}

/** @param text `ADDRESS/LENGTH`, or an address alone, which stands for what counts as one address. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return oneAddress(address);
  const digits = text.slice(slash + 1);
  // The length of a mapped address would count from IPv6's first bit: too odd to guess at.
  const isMapped = address.family === 4 && text.includes(":");
  if (!/^(0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > widthOf[address.family] || isMapped)
    return undefined;
  return networkOf(address, Number(digits));
}

export function networkOf({ family, bits }: Address, length: number): Network {
  const host = BigInt(widthOf[family] - length);
  return { family, bits: (bits >> host) << host, length };
}

/** What counts as one address: an IPv4 address or an IPv6 /64. */
export function oneAddress(address: Address): Network {
  return networkOf(address, addressLength[address.family]);
}

export function peerNetworks(address: Address): PeerNetworks {
  return {
    address: networkText(oneAddress(address)),
    subnet: networkText(networkOf(address, subnetLength[address.family])),
  };
}

export function contains(network: Network, { family, bits }: Address): boolean {
  return network.family === family && networkOf({ family, bits }, network.length).bits === network.bits;
}

/** The one spelling of a network (RFC 5952 for IPv6), which reads back as the same; one IPv4 address has no length. */
export function networkText({ family, bits, length }: Network): string {
  if (family === 6) return `${ipv6Text(bits)}/${length}`;
  return length === widthOf[4] ? ipv4Text(bits) : `${ipv4Text(bits)}/${length}`;
}

function ipv4Bits(text: string): bigint {
  return BigInt(text.split(".").reduce((bits, part) => bits * 256 + Number(part), 0));
}

function ipv4Text(bits: bigint): string {
  const value = Number(bits);
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}

/** @param text valid, without a zone */
function ipv6Bits(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array<number>(8 - front.length - back.length).fill(0);
  return [...front, ...zeros, ...back].reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const bits = Number(ipv4Bits(group));
    return [bits >>> 16, bits & 0xffff];
  });
}

function ipv6Text(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const { start, count } = longestZeros(groups);
  if (count < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + count).join(":")}`;
}

/** The first of the longest runs of zero groups: the one that `::` stands for. */
function longestZeros(groups: readonly string[]): { readonly start: number; readonly count: number } {
  let longest = { start: 0, count: 0 };
  let count = 0;
  for (const [index, group] of groups.entries()) {
    count = group === "0" ? count + 1 : 0;
    if (count > longest.count) longest = { start: index - count + 1, count };
  }
  return longest;
}
