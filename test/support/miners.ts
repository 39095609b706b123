import { setTimeout as pause } from "node:timers/promises";
import { type MadeShare, V1Client } from "./v1-client.ts";

/** One line of `penstock ledger shares`. */
export interface LedgerShare {
  readonly hash: string;
  readonly account: string;
  readonly worker: string;
  readonly target: string;
  readonly work: string;
  readonly protocol: string;
  readonly block: boolean;
  readonly scheme: "pplns" | "solo";
  readonly node: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly time: string;
}

export interface MinersOptions {
  readonly port: () => number;
  /** ADDRESS.worker, taken in turn. */
  readonly users: readonly string[];
  readonly connections: number;
  /** Over all connections. */
  readonly sharesPerSecond: number;
}

export interface TestMiners {
  /** Every share that was sent, by hash. */
  readonly submitted: ReadonlyMap<string, MadeShare>;
  /** Those to which the pool answered `true`. */
  readonly acknowledged: ReadonlyMap<string, MadeShare>;
  /** Refusals by reason word. */
  readonly refused: ReadonlyMap<string, number>;
  /** Times that a connection was lost. */
  readonly disconnects: number;
  /** Longest time between sending a share and its answer, milliseconds. */
  readonly slowestAnswerMs: number;
  stop(): Promise<void>;
}

/** Miners that send real shares at a steady rate, and come back at once whenever they are cut off. */
export async function startMiners(options: MinersOptions): Promise<TestMiners> {
  const submitted = new Map<string, MadeShare>();
  const acknowledged = new Map<string, MadeShare>();
  const refused = new Map<string, number>();
  let stopping = false;
  let disconnects = 0;
  let slowestAnswerMs = 0;
  const pauseMs = (options.connections / options.sharesPerSecond) * 1000;

  const mine = async (user: string) => {
    while (!stopping) {
      try {
        const client = await V1Client.start(options.port(), user);
        await shareAfterShare(client);
        client.close();
      } catch {
        // The pool is being killed: that is what these miners are for. Come back.
        disconnects++;
        await pause(20);
      }
    }
  };

  const shareAfterShare = async (client: V1Client) => {
    const underWay = new Set<Promise<void>>();
    let nextAt = performance.now();
    while (!stopping && !client.closed) {
      const share = client.makeShare();
      submitted.set(share.hash, share);
      const answered = answer(client, share).finally(() => underWay.delete(answered));
      underWay.add(answered);
      nextAt += pauseMs;
      await pause(Math.max(0, nextAt - performance.now()));
    }
    await Promise.all(underWay);
    if (client.closed) throw new Error("cut off");
  };

  const answer = async (client: V1Client, share: MadeShare) => {
    const sentAt = performance.now();
    // A share whose answer never came may or may not count; the ledger must only not invent any.
    const result = await client.submit(share).catch(() => undefined);
    if (result === undefined) return;
    slowestAnswerMs = Math.max(slowestAnswerMs, performance.now() - sentAt);
    if (result.result === true) acknowledged.set(share.hash, share);
    else count(result.error?.[1].split(":")[0] ?? "no reason");
  };

  const count = (reason: string) => refused.set(reason, (refused.get(reason) ?? 0) + 1);

  const all = Array.from({ length: options.connections }, (_, i) =>
    mine(options.users[i % options.users.length]!),
  );
  return {
    submitted,
    acknowledged,
    refused,
    get disconnects() {
      return disconnects;
    },
    get slowestAnswerMs() {
      return slowestAnswerMs;
    },
    stop: async () => {
      stopping = true;
      await Promise.all(all);
    },
  };
}
