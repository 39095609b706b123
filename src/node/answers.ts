import { z } from "zod";
import type { Chain } from "../bitcoin/address.ts";
import { fromDisplayHash } from "../bitcoin/hash.ts";
import { NodeError } from "./errors.ts";

/** What this pool reads of a node's small answers; other fields are passed over. */
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const u32 = z.number().int().min(0).max(0xffffffff);
const height = z.number().int().min(0).max(0x7fffffff);

const chainInfoSchema = z.object({
  chain: z.string().max(32),
  blocks: height,
  headers: z.number().int(),
  bestblockhash: hash,
  initialblockdownload: z.boolean(),
});
export type ChainInfo = z.infer<typeof chainInfoSchema>;

const networkInfoSchema = z.object({
  version: z.number().int(),
  subversion: z.string().max(256),
  connections: z.number().int(),
});
export type NetworkInfo = z.infer<typeof networkInfoSchema>;

const headerSchema = z.object({
  hash,
  /** -1 when the block is not in the active chain; the tip itself has 1. */
  confirmations: z.number().int(),
  height,
  mediantime: u32,
  bits: z.string().regex(/^[0-9a-f]{8}$/),
  chainwork: hash,
  /** Absent for the genesis block. */
  previousblockhash: hash.optional(),
});
export type HeaderAnswer = z.infer<typeof headerSchema>;

/** The newest block of a node's active chain: validated by that node. */
export interface Tip {
  /** 32 bytes, internal order. */
  readonly hash: Uint8Array;
  /** The same as the node's RPC writes it. */
  readonly displayHash: string;
  /** 32 bytes, internal order; zeros for the genesis block. */
  readonly previousHash: Uint8Array;
  readonly height: number;
  /** Median time past, seconds: the next block's time must be above it. */
  readonly medianTime: number;
  readonly bits: number;
  /** Work of the whole chain up to here. */
  readonly chainWork: bigint;
}

/** Each throws NodeError malformed. */
export const readChainInfo = reader("getblockchaininfo", chainInfoSchema);
export const readNetworkInfo = reader("getnetworkinfo", networkInfoSchema);
export const readHeader = reader("getblockheader", headerSchema);
export const readHash = reader("getbestblockhash", hash);
const templateHeadSchema = z.object({ previousblockhash: hash, longpollid: z.string().max(256) });
/** The two fields of a template that the long poll itself needs; the rest is checked where templates are. */
export const readTemplateHead = reader("getblocktemplate", templateHeadSchema);

function reader<T>(method: string, schema: z.ZodType<T>): (node: string, answer: unknown) => T {
  return (node, answer) => {
    const read = schema.safeParse(answer);
    if (read.success) return read.data;
    const issue = read.error.issues[0];
    const where = issue === undefined ? "" : ` (${issue.path.join(".")}: ${issue.message})`;
    throw new NodeError("malformed", `The answer of ${node} to ${method} has not the expected form${where}.`);
  };
}

export function tipOf(header: HeaderAnswer): Tip {
  return Object.freeze({
    hash: fromDisplayHash(header.hash),
    displayHash: header.hash,
    previousHash:
      header.previousblockhash === undefined ? new Uint8Array(32) : fromDisplayHash(header.previousblockhash),
    height: header.height,
    medianTime: header.mediantime,
    bits: Number.parseInt(header.bits, 16),
    chainWork: BigInt(`0x${header.chainwork}`),
  });
}

/** getblockchaininfo's names of the chains. */
export const chainNames: Record<Chain, string> = {
  mainnet: "main",
  testnet4: "testnet4",
  signet: "signet",
  regtest: "regtest",
};

/** Chains whose nodes must have peers and a recent tip; regtest and a signet of one's own stand still while nobody mines. */
export function isPublicNetwork(chain: Chain): boolean {
  return chain === "mainnet" || chain === "testnet4";
}
