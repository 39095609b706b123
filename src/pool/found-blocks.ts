import { serializeBlock } from "../bitcoin/block.ts";
import { displayHash } from "../bitcoin/hash.ts";
import type { Logger } from "../log/index.ts";
import type { FoundBlock } from "../shares/accept-shares.ts";

export interface FoundBlocksOptions {
  /** The template's transactions as they stand in the block; throws if they cannot be read. */
  readonly readTransactions: (templateId: string) => Uint8Array;
  /** Puts the block on disk, fsynced; throws if the disk refuses. */
  readonly store: (hash: Uint8Array, bytes: Uint8Array) => "stored" | "known";
  /** Sends it on its way to every node; `stored: false` when these bytes are the only copy. */
  readonly send: (block: { hash: Uint8Array; bytes: Uint8Array; stored: boolean }) => void;
  readonly log: Logger;
}

/**
 * Makes a whole block of a hash that met the network target, puts it on disk and sends it. Synchronous, since nothing
 * else may be decided before; never throws, since nothing after it may be lost.
 */
export function createFoundBlocks(options: FoundBlocksOptions): (found: FoundBlock) => "stored" | "known" {
  const { log } = options;

  return (found) => {
    const hash = Uint8Array.from(found.hash);
    const bytes = assemble(found);
    if (bytes === undefined) return "known";
    const outcome = storeOrKeep(hash, bytes);
    if (outcome === "known") return "known";
    log.info(
      {
        event: "block-found",
        hash: displayHash(hash),
        height: found.job.height,
        rewardSats: found.job.rewardSats.toString(),
      },
      "a share solved a block",
    );
    options.send({ hash, bytes, stored: outcome === "stored" });
    return "stored";
  };

  function assemble({ header, job, extranonce1, extranonce2, hash }: FoundBlock): Buffer | undefined {
    const coinbase = Buffer.concat([job.coinbase1, extranonce1, extranonce2, job.coinbase2]);
    try {
      const transactions =
        job.transactionCount === 0 ? new Uint8Array() : options.readTransactions(job.templateId);
      return serializeBlock({
        header,
        coinbase,
        witness: job.witness,
        transactionCount: job.transactionCount,
        transactions,
      });
    } catch (err) {
      // Everything that is known of it goes into the log: with the template's transactions it can still be submitted.
      log.fatal(
        {
          event: "block-incomplete",
          hash: displayHash(hash),
          header: Buffer.from(header).toString("hex"),
          coinbase: coinbase.toString("hex"),
          template: job.templateId,
          err,
        },
        "a block was found but its transactions could not be read",
      );
      return undefined;
    }
  }

  function storeOrKeep(hash: Uint8Array, bytes: Uint8Array): "stored" | "known" | "unstored" {
    try {
      return options.store(hash, bytes);
    } catch (err) {
      log.fatal(
        { event: "block-not-stored", hash: displayHash(hash), err },
        "a found block could not be written to disk; it is submitted from memory alone",
      );
      return "unstored";
    }
  }
}
