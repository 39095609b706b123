import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../../src/bitcoin/target.ts";
import { V1Client } from "./v1-client.ts";
import { V2Client, type V2ClientOptions } from "./v2-client.ts";

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

/** What is known of a share, whatever protocol it went over. */
export interface MadeShare {
  readonly hash: string;
  readonly target: Target;
  readonly user: string;
}

/** One miner's connection. */
interface Client {
  readonly closed: boolean;
  /** @returns the share, and what sends it: resolved with "accepted" or the reason. */
  next(): { readonly share: MadeShare; readonly submit: () => Promise<string> };
  close(): void;
}

export interface MinersOptions {
  /** What the connections speak, in turn; V1 if left out. */
  readonly protocols?: readonly ("v1" | V2ClientOptions)[];
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

  const mine = async (user: string, protocol: "v1" | V2ClientOptions) => {
    while (!stopping) {
      try {
        const client = await connect(options.port(), user, protocol);
        await shareAfterShare(client);
        client.close();
      } catch {
        // The pool is being killed: that is what these miners are for. Come back.
        disconnects++;
        await pause(20);
      }
    }
  };

  const shareAfterShare = async (client: Client) => {
    const underWay = new Set<Promise<void>>();
    let nextAt = performance.now();
    while (!stopping && !client.closed) {
      const { share, submit } = client.next();
      submitted.set(share.hash, share);
      const answered = answer(share, submit).finally(() => underWay.delete(answered));
      underWay.add(answered);
      nextAt += pauseMs;
      await pause(Math.max(0, nextAt - performance.now()));
    }
    await Promise.all(underWay);
    if (client.closed) throw new Error("cut off");
  };

  const answer = async (share: MadeShare, submit: () => Promise<string>) => {
    const sentAt = performance.now();
    // A share whose answer never came may or may not count; the ledger must only not invent any.
    const outcome = await submit().catch(() => undefined);
    if (outcome === undefined) return;
    slowestAnswerMs = Math.max(slowestAnswerMs, performance.now() - sentAt);
    if (outcome === "accepted") acknowledged.set(share.hash, share);
    else count(outcome);
  };

  const count = (reason: string) => refused.set(reason, (refused.get(reason) ?? 0) + 1);

  const { users, protocols = ["v1"] } = options;
  const all = Array.from({ length: options.connections }, (_, i) =>
    mine(users[i % users.length]!, protocols[i % protocols.length]!),
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

async function connect(port: number, user: string, protocol: "v1" | V2ClientOptions): Promise<Client> {
  if (protocol !== "v1") return overV2(await V2Client.start(port, user, protocol));
  return overV1(await V1Client.start(port, user));
}

function overV1(client: V1Client): Client {
  return {
    get closed() {
      return client.closed;
    },
    next() {
      const share = client.makeShare();
      const submit = async () => {
        const { result, error } = await client.submit(share);
        return result === true ? "accepted" : (error?.[1].split(":")[0] ?? "no reason");
      };
      return { share, submit };
    },
    close: () => client.close(),
  };
}

function overV2(client: V2Client): Client {
  return {
    get closed() {
      return client.closed;
    },
    next() {
      const share = client.makeShare();
      return { share, submit: () => client.submit(share) };
    },
    close: () => client.close(),
  };
}
