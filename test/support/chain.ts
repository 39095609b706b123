import { readFile } from "node:fs/promises";
import type { Bitcoind } from "./bitcoind.ts";

/** Where the coins of the prepared blocks went: the key of BIP 173's examples, known to everybody. */
const MINER_KEY = "wpkh(cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW)";
const SIGNET_BLOCKS = new URL("../vectors/signet-blocks.hex", import.meta.url);
const WALLET = "funds";
const PREPARED_BLOCKS = 110;
const COIN_BTC = 0.01;
const FEE_RATE_SATS_PER_VBYTE = 5;

const ADDRESS_TYPES = { legacy: "legacy", segwit: "bech32", taproot: "bech32m" } as const;
/** What a transaction spends and pays to: P2PKH, P2WPKH or P2TR. */
export type Kind = keyof typeof ADDRESS_TYPES;

/**
 * Makes a wallet, "funds", with spendable coins, and gives its name. On regtest the node mines 110 blocks; on the
 * signet it gets 110 prepared ones, since mining them takes about a minute.
 */
export async function fundWallet(node: Bitcoind): Promise<string> {
  await node.call("createwallet", [WALLET]);
  const { descriptor, checksum } = await node.call<{ descriptor: string; checksum: string }>(
    "getdescriptorinfo",
    [MINER_KEY],
  );
  await node.call("importdescriptors", [[{ desc: `${MINER_KEY}#${checksum}`, timestamp: "now" }]], WALLET);
  const [minerAddress] = await node.call<[string]>("deriveaddresses", [descriptor]);
  if (node.chain === "regtest") await node.call("generatetoaddress", [PREPARED_BLOCKS, minerAddress]);
  else await submitPreparedBlocks(node);
  await node.call("syncwithvalidationinterfacequeue");
  return WALLET;
}

/**
 * Puts unconfirmed transactions of the given kinds into the node's mempool: each spends a coin of its kind and pays to
 * an address of its kind. Mines one block, for the coins that they spend. The node must have been given to
 * `fundWallet`.
 */
export async function fillMempool(node: Bitcoind, counts: Partial<Record<Kind, number>>): Promise<string[]> {
  const coins: { readonly kind: Kind; readonly address: string }[] = [];
  for (const [kind, count] of Object.entries(counts) as [Kind, number][]) {
    for (let i = 0; i < count; i += 1) coins.push({ kind, address: await newAddress(node, kind) });
  }
  const outputs = coins.map(({ address }) => ({ [address]: COIN_BTC }));
  const { txid: funding } = await send(node, outputs);
  await mineBlocks(node, 1);

  const { vout } = await node.call<{ vout: { n: number; scriptPubKey: { address?: string } }[] }>(
    "decoderawtransaction",
    [(await node.call<{ hex: string }>("gettransaction", [funding], WALLET)).hex],
  );
  const outputOf = new Map(vout.map(({ n, scriptPubKey }) => [scriptPubKey.address, n]));
  const txids: string[] = [];
  for (const { kind, address } of coins) {
    const to = [{ [await newAddress(node, kind)]: COIN_BTC }];
    const inputs = [{ txid: funding, vout: outputOf.get(address) }];
    const { txid } = await send(node, to, { inputs, add_inputs: false, subtract_fee_from_outputs: [0] });
    txids.push(txid);
  }
  return txids;
}

/** An address of the wallet "funds". */
export function newAddress(node: Bitcoind, kind: Kind = "segwit"): Promise<string> {
  return node.call("getnewaddress", ["", ADDRESS_TYPES[kind]], WALLET);
}

/** Lets the node itself mine (on the signet about 0.6 s a block); the hashes, oldest first. */
export async function mineBlocks(node: Bitcoind, count: number, address?: string): Promise<string[]> {
  const to = address ?? (await newAddress(node));
  return node.call("generatetoaddress", [count, to, 1_000_000_000]);
}

function send(node: Bitcoind, outputs: readonly object[], options: object = {}): Promise<{ txid: string }> {
  return node.call("send", [outputs, null, "unset", FEE_RATE_SATS_PER_VBYTE, options], WALLET);
}

async function submitPreparedBlocks(node: Bitcoind): Promise<void> {
  const blocks = (await readFile(SIGNET_BLOCKS, "utf8")).trim().split("\n");
  for (const block of blocks) {
    const refusal = await node.call<string | null>("submitblock", [block]);
    if (refusal) throw new Error(`a prepared block was refused: ${refusal}`);
  }
}
