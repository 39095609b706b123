import { fromHex } from "../bitcoin/bytes.ts";
import { fromDisplayHash } from "../bitcoin/hash.ts";
import { targetFromBits } from "../bitcoin/target.ts";
import { PoolError } from "../errors.ts";
import type { Template, TemplateTransactions } from "./template.ts";

export interface ParseOptions {
  readonly id: string;
  readonly receivedMonotonicMs: number;
}

/** Consensus bounds (Bitcoin Core's consensus/consensus.h and amount.h): no template can rightly go beyond them. */
const maxWeight = 4_000_000;
const maxSigops = 80_000;
const maxBlockBytes = 4_000_000;
const maxMoneySats = 21_000_000 * 100_000_000;
/** Sixty bytes without witness, at four weight units each. */
const minTransactionWeight = 240;
const maxTransactions = Math.floor(maxWeight / minTransactionWeight);
/** A coinbase script has 100 bytes for height, tag and extranonces too. */
const maxAuxBytes = 40;
const maxU32 = 0xffffffff;
const maxI32 = 0x7fffffff;

/** BIP 9: rules with a "!" in front change what a miner must do; these are understood. */
const understoodRules = new Set(["!segwit", "!signet"]);
/** BIP 325: OP_TRUE. Blocks of any other signet need a signature that a pool cannot make. */
const openSignetChallenge = "51";
/** BIP 141: OP_RETURN, a push of 36 bytes, the header aa21a9ed, and 32 bytes of commitment. */
const commitmentPrefix = Buffer.from("6a24aa21a9ed", "hex");
const commitmentLength = 38;

/**
 * Checks one `getblocktemplate` answer (BIP 22, 23, 145) and turns it into bytes. Transactions stay in the node's order.
 * Nothing of the answer is believed: types, ranges, hex, sums against the limits, order of dependencies.
 * @throws PoolError TEMPLATE_MALFORMED, TEMPLATE_RULE_UNKNOWN, TEMPLATE_SIGNET_SIGNED
 */
export function parseTemplate(answer: unknown, options: ParseOptions): Template {
  const fields = record(answer, "answer");
  requireKnownRules(fields);
  requireOpenSignet(fields);

  const bits = readBits(fields);
  const networkTarget = targetFromBits(bits);
  if (networkTarget.value !== BigInt(`0x${hexText(fields["target"], "target", 64)}`)) {
    throw malformed("target", "is not what bits stands for");
  }
  const minTime = integer(fields["mintime"], "mintime", 1, maxU32);
  const weightLimit = integer(fields["weightlimit"] ?? maxWeight, "weightlimit", 1, maxWeight);
  const sigopLimit = integer(fields["sigoplimit"], "sigoplimit", 1, maxSigops);
  const sizeLimit = integer(fields["sizelimit"] ?? maxBlockBytes, "sizelimit", 1, maxBlockBytes);

  return Object.freeze({
    id: options.id,
    kind: "full" as const,
    height: integer(fields["height"], "height", 1, maxI32),
    version: integer(fields["version"], "version", 0, maxI32),
    previousHash: hash(fields["previousblockhash"], "previousblockhash"),
    bits,
    networkTarget,
    minTime,
    currentTime: integer(fields["curtime"], "curtime", minTime, maxU32),
    rewardSats: BigInt(integer(fields["coinbasevalue"], "coinbasevalue", 0, maxMoneySats)),
    transactions: readTransactions(fields["transactions"], { weightLimit, sigopLimit, sizeLimit }),
    witnessCommitment: readCommitment(fields["default_witness_commitment"]),
    coinbaseAux: readAux(fields["coinbaseaux"]),
    weightLimit,
    sigopLimit,
    receivedMonotonicMs: options.receivedMonotonicMs,
  });
}

function requireKnownRules(fields: Fields): void {
  for (const [index, rule] of list(fields["rules"] ?? [], "rules", 100).entries()) {
    const name = text(rule, `rules[${index}]`);
    if (!name.startsWith("!") || understoodRules.has(name)) continue;
    throw new PoolError(
      "TEMPLATE_RULE_UNKNOWN",
      `The node's template follows the rule ${JSON.stringify(name.slice(0, 40))}, which this version does not know.`,
      "Upgrade Penstock: blocks built without that rule may be invalid.",
    );
  }
}

function requireOpenSignet(fields: Fields): void {
  const challenge = fields["signet_challenge"];
  if (challenge === undefined || challenge === openSignetChallenge) return;
  throw new PoolError(
    "TEMPLATE_SIGNET_SIGNED",
    "The blocks of this signet must be signed, which a pool cannot do.",
    "Use a node with -signetchallenge=51, or another chain.",
  );
}

function readBits(fields: Fields): number {
  return Number.parseInt(hexText(fields["bits"], "bits", 8), 16);
}

interface Limits {
  readonly weightLimit: number;
  readonly sigopLimit: number;
  readonly sizeLimit: number;
}

function readTransactions(value: unknown, limits: Limits): TemplateTransactions {
  const entries = list(value, "transactions", maxTransactions);
  const data: Buffer[] = [];
  const txids = Buffer.alloc(32 * entries.length);
  let weight = 0;
  let sigops = 0;
  let size = 0;
  for (const [index, entry] of entries.entries()) {
    const where = `transactions[${index}]`;
    const fields = record(entry, where);
    const bytes = hexBytes(fields["data"], `${where}.data`);
    size += bytes.length;
    weight += integer(fields["weight"], `${where}.weight`, 1, limits.weightLimit);
    sigops += integer(fields["sigops"] ?? 0, `${where}.sigops`, 0, limits.sigopLimit);
    if (bytes.length === 0) throw malformed(`${where}.data`, "is empty");
    if (size > limits.sizeLimit) throw malformed(where, "goes beyond sizelimit");
    requireEarlier(fields["depends"], index, where);
    txids.set(hash(fields["txid"], `${where}.txid`), 32 * index);
    data.push(bytes);
  }
  if (weight > limits.weightLimit) throw malformed("transactions", `weigh ${weight}, more than weightlimit`);
  if (sigops > limits.sigopLimit)
    throw malformed("transactions", `have ${sigops} sigops, more than sigoplimit`);
  const joined = Buffer.concat(data, size);
  return Object.freeze({ count: entries.length, data: joined, txids, weight, sigops });
}

/** BIP 22: 1-based indices of transactions that must stand before this one; the node's order already does that. */
function requireEarlier(depends: unknown, index: number, where: string): void {
  for (const position of list(depends ?? [], `${where}.depends`, maxTransactions)) {
    integer(position, `${where}.depends`, 1, index);
  }
}

function readCommitment(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const script = hexBytes(value, "default_witness_commitment");
  const prefix = script.subarray(0, commitmentPrefix.length);
  if (script.length === commitmentLength && prefix.equals(commitmentPrefix)) return script;
  throw malformed("default_witness_commitment", "is not a commitment script as of BIP 141");
}

function readAux(value: unknown): Uint8Array {
  const parts = Object.entries(record(value ?? {}, "coinbaseaux")).map(([name, part]) =>
    hexBytes(part, `coinbaseaux.${name.slice(0, 40)}`),
  );
  const bytes = Buffer.concat(parts);
  if (bytes.length > maxAuxBytes) throw malformed("coinbaseaux", `has more than ${maxAuxBytes} bytes`);
  return bytes;
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed(where, "is not an object");
}

function list(value: unknown, where: string, maxLength: number): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(where, "is not a list");
  if (value.length > maxLength) throw malformed(where, `has more than ${maxLength} elements`);
  return value;
}

function text(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw malformed(where, "is not a string");
}

function integer(value: unknown, where: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw malformed(where, `is not an integer from ${min} to ${max}`);
}

function hexText(value: unknown, where: string, length: number): string {
  const digits = text(value, where);
  if (digits.length === length && /^[0-9a-f]+$/i.test(digits)) return digits;
  throw malformed(where, `is not ${length} hex digits`);
}

function hexBytes(value: unknown, where: string): Buffer {
  const bytes = fromHex(text(value, where));
  if (bytes === undefined) throw malformed(where, "is not hex");
  return bytes;
}

function hash(value: unknown, where: string): Buffer {
  return fromDisplayHash(hexText(value, where, 64));
}

function malformed(where: string, what: string): PoolError {
  return new PoolError(
    "TEMPLATE_MALFORMED",
    `The node's template is refused: ${where} ${what}.`,
    "Check that the node is Bitcoin Core or Knots 27 or newer, and its debug.log; the pool keeps the last good template.",
  );
}
