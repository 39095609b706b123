import type { Chain } from "../bitcoin/address.ts";
import type { Logger } from "../log/index.ts";
import { type ChainInfo, chainNames, isPublicNetwork, type NetworkInfo } from "./answers.ts";
import { NodeError } from "./errors.ts";

/** What a healthy node must be able to show; each throws the NodeError of its fault. */

export function requireChain(node: string, info: ChainInfo, chain: Chain): void {
  const expected = chainNames[chain];
  if (info.chain === expected) return;
  throw new NodeError("wrong-chain", `bitcoind at ${node} is on chain "${info.chain}", not "${expected}".`);
}

/** A private chain on which nobody mined for a day calls itself in initial download, too; there only blocks count. */
export function requireSynchronised(node: string, info: ChainInfo, chain: Chain): void {
  const { initialblockdownload, blocks, headers } = info;
  if (!initialblockdownload || (blocks >= headers && !isPublicNetwork(chain))) return;
  throw new NodeError(
    "initial-download",
    `bitcoind at ${node} is downloading the chain (${blocks} of ${headers} blocks).`,
  );
}

export function requirePeers(node: string, { connections }: NetworkInfo, chain: Chain): void {
  if (connections > 0 || !isPublicNetwork(chain)) return;
  throw new NodeError("no-peers", `bitcoind at ${node} is connected to no other node.`);
}

const oldestVersion = 270_000;

/** Says once what kind of node this is. */
export function greet(node: string, { version, subversion }: NetworkInfo, log: Logger): void {
  log.info({ event: "node-connected", node, version, subversion }, "Connected to the node.");
  if (version >= oldestVersion) return;
  log.warn({ event: "node-version-old", node, version }, "This node is older than version 27; upgrade it.");
}
