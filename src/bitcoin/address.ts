/** Addresses: whose chain they belong to, and the output script that pays them. */

import { address as codec, initEccLib, networks, payments } from "bitcoinjs-lib";
import * as secp256k1 from "tiny-secp256k1";

// Taproot addresses hold a point; without the curve bitcoinjs-lib cannot tell whether anyone could spend it.
initEccLib(secp256k1);

export const chains = ["mainnet", "testnet4", "signet", "regtest"] as const;
export type Chain = (typeof chains)[number];

export type ParsedAddress =
  | {
      readonly ok: true;
      /** One spelling for each address: bech32 in lower case. */
      readonly address: string;
      readonly script: Uint8Array;
    }
  | { readonly ok: false; readonly problem: AddressProblem; readonly sentence: string };

/**
 * `malformed`: no Bitcoin address, or a misspelt one. `mixed-case`: bech32 in both cases at once, which BIP 173 refuses.
 * `foreign-chain`: right, but of another chain. `unsupported`: a witness version that nothing can pay to safely yet.
 */
export type AddressProblem = "malformed" | "mixed-case" | "foreign-chain" | "unsupported";

/** Chains that share an address form: testnet and signet are the same to the eye, in base58 so is regtest. */
type Family = "mainnet" | "testnet or signet" | "regtest" | "test network";

/** BIP 173: no bech32 address is longer; base58 ones are far shorter. */
const maxLength = 90;

/** Reads P2PKH, P2SH, P2WPKH, P2WSH and P2TR addresses. Never throws; the sentence is for the person who typed it. */
export function parseAddress(text: string, chain: Chain): ParsedAddress {
  if (text.length === 0) return refuse("malformed", "There is no address.");
  if (text.length > maxLength) return refuse("malformed", "This is too long for a Bitcoin address.");
  return looksLikeBech32(text) ? parseBech32(text, chain) : parseBase58(text, chain);
}

/** The address that an output script pays, spelt as parseAddress does; undefined if it is none of those kinds. */
export function addressOf(script: Uint8Array, chain: Chain): string | undefined {
  const text = attempt(() => codec.fromOutputScript(script, networkOf(chain)));
  const parsed = text === undefined ? undefined : parseAddress(text, chain);
  return parsed?.ok ? parsed.address : undefined;
}

function networkOf(chain: Chain) {
  if (chain === "mainnet") return networks.bitcoin;
  return chain === "regtest" ? networks.regtest : networks.testnet;
}

function parseBech32(text: string, chain: Chain): ParsedAddress {
  const address = text.toLowerCase();
  if (text !== address && text !== text.toUpperCase()) {
    return refuse("mixed-case", "This address mixes upper and lower case; copy it in one case.");
  }
  const decoded = attempt(() => codec.fromBech32(address));
  if (decoded === undefined) return refuse("malformed", "This address is misspelt; copy it again.");
  const family = familyOfPrefix(decoded.prefix);
  if (!belongs(family, chain)) return foreign(family, chain);
  return paying(address, witnessScript(decoded.version, decoded.data));
}

function parseBase58(text: string, chain: Chain): ParsedAddress {
  const decoded = attempt(() => codec.fromBase58Check(text));
  const kind = decoded && base58Kinds.get(decoded.version);
  if (decoded === undefined || kind === undefined) {
    return refuse("malformed", "This is not a Bitcoin address, or it is misspelt.");
  }
  if (!belongs(kind.family, chain)) return foreign(kind.family, chain);
  return paying(
    text,
    attempt(() => payments[kind.type]({ hash: decoded.hash }).output),
  );
}

const base58Kinds = new Map<number, { readonly type: "p2pkh" | "p2sh"; readonly family: Family }>([
  [0x00, { type: "p2pkh", family: "mainnet" }],
  [0x05, { type: "p2sh", family: "mainnet" }],
  [0x6f, { type: "p2pkh", family: "test network" }],
  [0xc4, { type: "p2sh", family: "test network" }],
]);

function looksLikeBech32(text: string): boolean {
  return /^(bc|tb|bcrt)1/i.test(text);
}

function familyOfPrefix(prefix: string): Family {
  if (prefix === "bc") return "mainnet";
  return prefix === "bcrt" ? "regtest" : "testnet or signet";
}

function belongs(family: Family, chain: Chain): boolean {
  if (chain === "mainnet" || family === "mainnet") return family === chain;
  return family === "test network" || (family === "regtest") === (chain === "regtest");
}

/** The length of the program tells P2WPKH from P2WSH (BIP 141); P2TR must be a point on the curve (BIP 341). */
function witnessScript(version: number, program: Uint8Array): Uint8Array | undefined | "unsupported" {
  if (version === 0 && program.length === 20) return attempt(() => payments.p2wpkh({ hash: program }).output);
  if (version === 0 && program.length === 32) return attempt(() => payments.p2wsh({ hash: program }).output);
  if (version === 0) return undefined;
  if (version === 1 && program.length === 32) return attempt(() => payments.p2tr({ pubkey: program }).output);
  return "unsupported";
}

function paying(address: string, script: Uint8Array | undefined | "unsupported"): ParsedAddress {
  if (script === "unsupported") {
    return refuse(
      "unsupported",
      "This kind of address is too new: what is paid to it could be taken by anyone.",
    );
  }
  if (script === undefined) return refuse("malformed", "Nobody could spend what is paid to this address.");
  return { ok: true, address, script };
}

function foreign(family: Family, chain: Chain): ParsedAddress {
  return refuse("foreign-chain", `This is a ${family} address, the pool is on ${chain}.`);
}

function refuse(problem: AddressProblem, sentence: string): ParsedAddress {
  return { ok: false, problem, sentence };
}

/** bitcoinjs-lib says no by throwing; here that is an answer, and its wording is for programmers. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
