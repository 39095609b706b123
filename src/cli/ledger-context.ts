import { existsSync } from "node:fs";
import { join } from "node:path";
import { displayHash } from "../bitcoin/hash.ts";
import { type Config, loadConfig, secretsOf } from "../config/index.ts";
import { PoolError } from "../errors.ts";
import {
  type Chain,
  findEmbeddedPostgres,
  type OpenJournal,
  startEmbeddedPostgres,
} from "../ledger/index.ts";
import { createLogger } from "../log/index.ts";
import { loadAddon } from "../native/index.ts";
import { readHeader } from "../node/answers.ts";
import { NodeError } from "../node/errors.ts";
import { type NodeRpc, openRpc } from "../node/index.ts";
import { journalsIn } from "../pool/journals-in.ts";
import { orderLogOf, postgresFolderOf } from "../pool/settings.ts";

export interface LedgerContext {
  readonly databaseUrl: string;
  readonly orderLogFile: string;
  readonly openJournal: OpenJournal;
  readonly chain: Chain;
  /** See RecomputeOptions. */
  readonly settleMs?: number;
}

/** RPC_INVALID_ADDRESS_OR_KEY: the node does not know the block. */
const unknownBlock = -5;

/** What the configuration names: a database (the embedded one is started if it does not run), journals and nodes. */
export async function openLedgerContext(
  configFile: string | undefined,
): Promise<{ readonly context: LedgerContext; readonly close: () => Promise<void> }> {
  const config = await loadConfig(configFile);
  const database = await openDatabase(config);
  const nodes = config.nodes.map(rpcOf);
  const context = {
    databaseUrl: database.url,
    orderLogFile: orderLogOf(config),
    openJournal: journalsIn(config.journal.directory, loadAddon()),
    chain: chainOf(nodes),
  };
  const close = async () => {
    for (const node of nodes) node.close();
    await database.close();
  };
  return { context, close };
}

async function openDatabase(config: Config): Promise<{ url: string; close: () => Promise<void> }> {
  const nothing = async () => {};
  if (config.database.url !== "embedded") return { url: config.database.url, close: nothing };
  const directory = postgresFolderOf(config);
  const running = await findEmbeddedPostgres(directory);
  if (running !== undefined) return { url: running, close: nothing };
  if (!existsSync(join(directory, "..", "postgres.run", "password"))) {
    throw new PoolError(
      "LEDGER_NOT_MADE",
      `There is no database in ${directory} yet.`,
      "Start the pool once with `penstock serve`; it makes the ledger.",
    );
  }
  const { log } = createLogger({ level: "warn", process: "ledger", secrets: secretsOf(config), fd: 2 });
  const server = await startEmbeddedPostgres({ directory, log });
  return { url: server.url, close: () => server.stop({ ifUnused: true }) };
}

function rpcOf(node: Config["nodes"][number]): NodeRpc {
  const { rpc, user, password, cookieFile, timeoutSeconds } = node;
  return openRpc({
    rpc,
    user: user ?? undefined,
    password: password ?? undefined,
    cookieFile: cookieFile ?? undefined,
    timeoutMs: timeoutSeconds * 1000,
  });
}

/** The first node that answers is believed. */
function chainOf(nodes: readonly NodeRpc[]): Chain {
  return {
    confirmations: async (hash) => {
      let trouble: unknown;
      for (const node of nodes) {
        try {
          return readHeader(node.name, await node.call("getblockheader", [displayHash(hash)])).confirmations;
        } catch (error) {
          if (error instanceof NodeError && error.rpcCode === unknownBlock) return undefined;
          trouble = error;
        }
      }
      throw trouble;
    },
  };
}
