/** A Stratum port in this process, with shares that wait in memory, and a client that speaks in raw bytes. */
import { connect, type Socket } from "node:net";
import type { JobData } from "../../src/jobs/job.ts";
import type { LiveJob, LiveJobs } from "../../src/jobs/live-jobs.ts";
import type { PreparedJob } from "../../src/native/addon.ts";
import type { Reason } from "../../src/protocol/reasons.ts";
import type { Shares, Submission } from "../../src/shares/shares.ts";
import { createFirmwareTable, type FirmwareProfile } from "../../src/stratum/firmware.ts";
import { defaultLimits, type StratumLimits } from "../../src/stratum/limits.ts";
import type { StratumMetrics } from "../../src/stratum/metrics.ts";
import type { Port } from "../../src/stratum/port.ts";
import { RememberedDifficulties } from "../../src/stratum/remembered-difficulties.ts";
import { createStratum, type Stratum, type StratumOptions } from "../../src/stratum/stratum.ts";
import { aClock, type FakeClock } from "./clock.ts";
import { until, within } from "./deadline.ts";
import { anUnknownFirmware } from "./firmware.ts";
import { noRecorder } from "./no-recorder.ts";
import { silentLog } from "./silent-log.ts";
import { v2Parts } from "./v2-parts.ts";

/** An address of the regtest chain. */
export const anAddress = "bcrt1qqurswpc8qurswpc8qurswpc8qurswpc8dxm0gk";

/** nBits far above what any test reaches, so that the network's difficulty bounds nothing. */
export const hardBits = 0x17034267;

export interface WaitingShare {
  readonly submission: Submission;
  done(refusal?: Reason): void;
}

/** Shares that are judged by the test: each waits until `done` is called, unless `verdict` says at once. */
export class MemoryShares implements Shares {
  readonly waiting: WaitingShare[] = [];
  readonly submissions: Submission[] = [];
  /** Set: answers at once, with this refusal or with "accepted". */
  verdict: Reason | "accepted" | undefined;

  submit(submission: Submission, done: (refusal: Reason | undefined) => void): void {
    this.submissions.push(submission);
    if (submission.refusal !== undefined) done(submission.refusal);
    else if (this.verdict !== undefined) done(this.verdict === "accepted" ? undefined : this.verdict);
    else this.waiting.push({ submission, done });
  }

  /** Settles all that waits, in the order of arrival. */
  commit(refusal?: Reason): void {
    for (const share of this.waiting.splice(0)) share.done(refusal);
  }
}

/** Live jobs without a native form. */
export class MemoryJobs implements LiveJobs {
  readonly #jobs = new Map<number, LiveJob>();
  current: LiveJob | undefined;

  get size(): number {
    return this.#jobs.size;
  }

  get oldestNumber(): number {
    return Math.min(...this.#jobs.keys());
  }

  restore(): void {}

  add(data: JobData): LiveJob {
    this.current = { data, prepared: {} as PreparedJob };
    this.#jobs.set(data.number, this.current);
    return this.current;
  }

  get(number: number): LiveJob | undefined {
    return this.#jobs.get(number);
  }

  forget(number: number): void {
    this.#jobs.delete(number);
  }
}

/** Every event as one text, for example "connectionClosed idle". */
export class RecordedMetrics implements StratumMetrics {
  readonly events: string[] = [];
  connectionOpened = () => this.#note("connectionOpened");
  connectionClosed = (reason: string) => this.#note("connectionClosed", reason);
  connectionRefused = (reason: string) => this.#note("connectionRefused", reason);
  subscribed = () => {};
  sessionResumed = () => this.#note("sessionResumed");
  firmwareSeen = () => {};
  penalty = (taken: string) => this.#note("penalty", taken);
  roundTrip = () => {};
  authorizeAnswered = (result: string) => this.#note("authorizeAnswered", result);
  submissionRefused = (protocol: "v1" | "v2", reason: string) =>
    this.#note("submissionRefused", ...(protocol === "v1" ? [] : [protocol]), reason);
  sharesRefused = (firmware: string, reason: string, submissions: number) =>
    this.#note("sharesRefused", firmware, reason, String(submissions));
  malformedLine = () => this.#note("malformedLine");
  sessionFailed = () => this.#note("sessionFailed");
  difficultyChanged = () => this.#note("difficultyChanged");
  broadcastDone = () => this.#note("broadcastDone");
  handshakeAnswered = () => this.#note("handshakeAnswered");
  ephemeralKeys = () => {};
  setupAnswered = (result: string) => this.#note("setupAnswered", result);
  channelOpenAnswered = (result: string) => this.#note("channelOpenAnswered", result);
  channelUpdateAnswered = (result: string) => this.#note("channelUpdateAnswered", result);
  /** Open ones, as last told. */
  openChannels = { standard: 0, extended: 0 };
  channels = (standard: number, extended: number) => {
    this.openChannels = { standard, extended };
  };
  messageIgnored = () => this.#note("messageIgnored");
  malformedFrame = () => this.#note("malformedFrame");

  count(event: string): number {
    return this.events.filter((noted) => noted === event).length;
  }

  #note(...words: string[]): void {
    this.events.push(words.join(" "));
  }
}

export interface StratumUnderTest {
  readonly stratum: Stratum;
  readonly jobs: MemoryJobs;
  readonly shares: MemoryShares;
  readonly clock: FakeClock;
  readonly metrics: RecordedMetrics;
  /** Extranonces that were given back. */
  readonly released: number[];
  /** Adds a job and sends it to everybody. */
  broadcast(data: JobData): LiveJob;
  connect(): Promise<RawClient>;
}

export type StratumChanges = Partial<Omit<StratumOptions, "limits" | "ports" | "firmware">> & {
  readonly limits?: Partial<StratumLimits>;
  /** Any free port if left out. */
  readonly listen?: readonly Port["address"][];
  /** Of every port. */
  readonly difficulty?: Partial<Port["difficulty"]>;
  readonly scheme?: Port["scheme"];
  readonly proxyFrom?: Port["proxyFrom"];
  /** Profiles before the unknown one. */
  readonly firmware?: readonly FirmwareProfile[];
};

/** Opens a port of its own on 127.0.0.1; the sweeper runs every 20 ms of real time and asks the clock that stands. */
export async function aStratum(changes: StratumChanges = {}): Promise<StratumUnderTest> {
  const jobs = new MemoryJobs();
  const shares = new MemoryShares();
  const clock = aClock();
  const metrics = new RecordedMetrics();
  const released: number[] = [];
  let nextExtranonce1 = 0x01000000;
  const {
    listen = [{ host: "127.0.0.1", port: 0 }],
    difficulty,
    scheme,
    proxyFrom,
    firmware,
    ...others
  } = changes;
  const stratum = createStratum({
    ports: listen.map((address) => ({
      address,
      scheme: scheme ?? "pplns",
      proxyFrom: proxyFrom ?? [],
      difficulty: {
        start: 1024,
        min: 0.00001,
        max: 1_000_000_000,
        vardiff: true,
        sharesPerMinute: 6,
        ...difficulty,
      },
    })),
    secureContext: () => undefined,
    workerNumber: 1,
    intake: undefined,
    sockets: undefined,
    v2: v2Parts,
    firmware: createFirmwareTable({ profiles: firmware ?? [], unknown: anUnknownFirmware }),
    recorder: noRecorder,
    remembered: new RememberedDifficulties(100),
    soloJob: (job, account) => ({ ...job, data: { ...job.data, coinbase2: Buffer.from(account) } }),
    transactionsOf: () => undefined,
    chain: "regtest",
    jobs,
    shares,
    extranonces: { take: () => nextExtranonce1++, release: (extranonce1) => released.push(extranonce1) },
    versionMask: 0x1fffe000,
    staleGraceSeconds: 3,
    staleGraceMaxSeconds: 10,
    resumeSeconds: 600,
    clock,
    log: silentLog,
    metrics,
    onBan: () => {},
    onMove: (_worker, _moved, socket) => socket.destroy(),
    ...others,
    limits: { ...defaultLimits, sweepSeconds: 0.02, ...changes.limits },
  });
  await stratum.open();
  return {
    stratum,
    jobs,
    shares,
    clock,
    metrics,
    released,
    broadcast(data) {
      const job = jobs.add(data);
      stratum.broadcast(job);
      return job;
    },
    connect: () => RawClient.connect(stratum.addresses[0]!.port),
  };
}

/** What came over the wire; tests look into it freely. */
// biome-ignore lint/suspicious/noExplicitAny: a message of the other side
export type Message = any;

const patienceMs = 10_000;

/** Sends bytes as they are and collects the lines that come back. */
export class RawClient {
  readonly socket: Socket;
  readonly lines: string[] = [];
  /** All bytes as text. */
  received = "";
  ended = false;
  #rest = "";
  #nextId = 1;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  /** Over a socket that is connected already: through TLS, or behind a proxy. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Sends a request and gives its answer. */
  async request(method: string, params?: unknown): Promise<Message> {
    const id = this.#nextId++;
    this.send(`${JSON.stringify({ id, method, params })}\n`);
    return await this.answer(id);
  }

  async answer(id: unknown): Promise<Message> {
    return await this.message((message) => message.method === undefined && message.id === id);
  }

  /** The first message, of those that came or will come, that meets the condition. */
  async message(condition: (message: Message) => boolean): Promise<Message> {
    return await until(() => this.messages.find(condition), {
      timeoutMs: patienceMs,
      what: `a message (received: ${this.received.slice(-500)})`,
      intervalMs: 2,
    });
  }

  get messages(): Message[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  /** Parameters of all messages of a method that came so far. */
  paramsOf(method: string): Message[] {
    return this.messages.filter((message) => message.method === method).map((message) => message.params);
  }

  async untilLines(count: number): Promise<void> {
    await until(() => this.lines.length >= count, {
      timeoutMs: patienceMs,
      what: `${count} lines (received ${this.lines.length})`,
      intervalMs: 2,
    });
  }

  async untilEnded(): Promise<void> {
    if (this.ended) return;
    await within(
      patienceMs,
      "the end of the connection",
      new Promise((resolve) => this.socket.once("close", resolve)),
    );
  }

  /** Subscribes and authorizes; gives extranonce1. */
  async join(user = `${anAddress}.rig`): Promise<string> {
    const { result } = await this.request("mining.subscribe", ["test/1"]);
    await this.request("mining.authorize", [user, "x"]);
    return result[1];
  }

  #read(text: string): void {
    this.received += text;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    this.lines.push(...lines);
  }
}
