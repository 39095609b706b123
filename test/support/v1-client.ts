import { connect, type Socket } from "node:net";
import { displayHash, sha256d } from "../../src/bitcoin/hash.ts";
import { type Target, targetFromBits, targetFromDifficulty } from "../../src/bitcoin/target.ts";
import { loadAddon } from "../../src/native/index.ts";

/** One share as a client made it. */
export interface MadeShare {
  /** As block explorers print it. */
  readonly hash: string;
  readonly target: Target;
  readonly user: string;
  readonly params: readonly [jobId: string, extranonce2: string, ntime: string, nonce: string];
}

export interface V1Answer {
  readonly id: unknown;
  readonly result: unknown;
  readonly error: readonly [number, string, null] | null;
}

export interface V1Job {
  readonly id: string;
  readonly previousHash: string;
  readonly coinbase1: string;
  readonly coinbase2: string;
  readonly branch: readonly string[];
  readonly version: string;
  readonly bits: string;
  readonly time: string;
  readonly clean: boolean;
}

export interface Subscription {
  readonly agent?: string;
  /** Of an earlier connection's session. */
  readonly sessionId?: string;
}

const addon = loadAddon();

/**
 * A Stratum V1 client for tests, written apart from the pool's own code paths: what it makes of a job and what the
 * pool makes of it must agree. Every request has a promise of its answer, which rejects when the connection ends first.
 */
export class V1Client {
  /** The name that was authorized last. */
  user = "";
  readonly jobs: V1Job[] = [];
  difficulty = 0;
  extranonce1 = "";
  /** What it may be taken up again by. */
  sessionId = "";
  closed = false;
  private readonly socket: Socket;
  private rest = "";
  private nextId = 1;
  /** Of the next share: who goes on with a session goes on with it, too. */
  extranonce2 = 0n;
  private readonly waiting = new Map<
    number,
    { resolve: (answer: V1Answer) => void; reject: (error: Error) => void }
  >();
  private readonly watchers = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => this.read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.end());
  }

  /** Connects, subscribes, authorizes and waits for the first job. */
  static async start(port: number, user: string, subscription?: Subscription): Promise<V1Client> {
    return await V1Client.withWork(await V1Client.connect(port, subscription), user);
  }

  /** The same over a socket that is connected already, such as a TLS socket. */
  static async over(socket: Socket, user: string): Promise<V1Client> {
    return await V1Client.withWork(await V1Client.subscribed(socket), user);
  }

  /** Connects and subscribes. */
  static async connect(port: number, subscription?: Subscription): Promise<V1Client> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return await V1Client.subscribed(socket, subscription);
  }

  private static async subscribed(
    socket: Socket,
    { agent, sessionId }: Subscription = {},
  ): Promise<V1Client> {
    const client = new V1Client(socket);
    const subscribed = await client.request("mining.subscribe", [
      agent ?? "penstock-test/1",
      ...(sessionId === undefined ? [] : [sessionId]),
    ]);
    const [subscriptions, extranonce1] = subscribed.result as [[string, string][], string, number];
    client.sessionId = subscriptions[0]![1];
    client.extranonce1 = extranonce1;
    return client;
  }

  private static async withWork(client: V1Client, user: string): Promise<V1Client> {
    const authorized = await client.authorize(user);
    if (authorized.result !== true) throw new Error(`not authorized: ${JSON.stringify(authorized.error)}`);
    await client.until(() => client.jobs.length > 0);
    return client;
  }

  authorize(user: string): Promise<V1Answer> {
    this.user = user;
    return this.request("mining.authorize", [user, "x"]);
  }

  get job(): V1Job {
    return this.jobs.at(-1)!;
  }

  /** Resolves when the condition holds; asked after every line that arrives. Rejects when the connection ends. */
  async until(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const ask = () => {
        if (!condition() && !this.closed) return;
        this.watchers.delete(ask);
        if (condition()) resolve();
        else reject(new Error("the pool closed the connection"));
      };
      this.watchers.add(ask);
      ask();
    });
  }

  request(method: string, params: readonly unknown[]): Promise<V1Answer> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new Error("the connection is closed"));
      this.waiting.set(id, { resolve, reject });
      this.socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  /** Makes a share of the newest job that meets the difficulty last assigned. Each call gives a new one. */
  makeShare(job = this.job, target = targetFromDifficulty(this.difficulty)): MadeShare {
    for (;;) {
      const extranonce2 = (this.extranonce2++).toString(16).padStart(16, "0");
      const header = headerOf(job, this.extranonce1, extranonce2);
      const nonce = addon.scanNonces(header, target.bytes, 0, 1 << 22);
      if (nonce < 0) continue;
      header.writeUInt32LE(nonce, 76);
      const params = [job.id, extranonce2, job.time, nonce.toString(16).padStart(8, "0")] as const;
      return { hash: displayHash(sha256d(header)), target, user: this.user, params };
    }
  }

  /** Makes a share that meets the network's target: a block. */
  makeBlock(): MadeShare {
    return this.makeShare(this.job, targetFromBits(Number.parseInt(this.job.bits, 16)));
  }

  submit(share: MadeShare): Promise<V1Answer> {
    return this.request("mining.submit", [share.user, ...share.params]);
  }

  close(): void {
    this.socket.destroy();
    this.end();
  }

  private read(chunk: string): void {
    const lines = (this.rest + chunk).split("\n");
    this.rest = lines.pop()!;
    for (const line of lines)
      this.take(JSON.parse(line) as V1Answer & { method?: string; params?: unknown[] });
    for (const watcher of [...this.watchers]) watcher();
  }

  private take(message: V1Answer & { method?: string; params?: unknown[] }): void {
    if (message.method === "mining.set_difficulty") this.difficulty = message.params![0] as number;
    else if (message.method === "mining.notify") this.jobs.push(jobOf(message.params!));
    else if (message.method === undefined) {
      this.waiting.get(message.id as number)?.resolve(message);
      this.waiting.delete(message.id as number);
    }
  }

  private end(): void {
    this.closed = true;
    for (const { reject } of this.waiting.values())
      reject(new Error("the connection ended before the answer"));
    this.waiting.clear();
    for (const watcher of [...this.watchers]) watcher();
  }
}

function jobOf(params: unknown[]): V1Job {
  const [id, previousHash, coinbase1, coinbase2, branch, version, bits, time, clean] = params as [
    string,
    string,
    string,
    string,
    string[],
    string,
    string,
    string,
    boolean,
  ];
  return { id, previousHash, coinbase1, coinbase2, branch, version, bits, time, clean };
}

/** The 80 bytes of a job's header with nonce 0, as a miner makes them. */
export function headerOf(job: V1Job, extranonce1: string, extranonce2: string): Buffer {
  const coinbase = Buffer.from(job.coinbase1 + extranonce1 + extranonce2 + job.coinbase2, "hex");
  const root = job.branch.reduce<Uint8Array>(
    (hash, element) => sha256d(Buffer.concat([hash, Buffer.from(element, "hex")])),
    sha256d(coinbase),
  );
  return Buffer.concat([
    reversed(job.version),
    Buffer.from(job.previousHash, "hex").swap32(),
    root,
    reversed(job.time),
    reversed(job.bits),
    Buffer.alloc(4),
  ]);
}

/** V1 writes these integers big-endian; the header has them little-endian. */
function reversed(hex: string): Buffer {
  return Buffer.from(hex, "hex").reverse();
}
