import { displayHash, sha256d } from "../../src/bitcoin/hash.ts";
import { type Target, targetFromBits, targetFromBytes } from "../../src/bitcoin/target.ts";
import { loadAddon } from "../../src/native/index.ts";
import { openExtendedMiningChannel, openStandardMiningChannel } from "../../src/protocol/v2/channels.ts";
import { submitSharesExtended, submitSharesStandard } from "../../src/protocol/v2/shares.ts";
import { FrameClient, type Received } from "./frame-client.ts";

/** One share as a client made it. */
export interface V2Share {
  /** As block explorers print it. */
  readonly hash: string;
  readonly target: Target;
  readonly user: string;
  readonly channelId: number;
  readonly sequenceNumber: number;
  readonly frame: Buffer;
}

export interface V2ClientOptions {
  readonly kind: "standard" | "extended";
  /** More than 8 bytes of extranonce make the pool give 16. */
  readonly minExtranonceSize?: number;
  /** On one connection; more than one make a group. */
  readonly channels?: number;
  /** Of SetupConnection. */
  readonly flags?: number;
  readonly nominalHashRate?: number;
}

const addon = loadAddon();
const anyTarget = new Uint8Array(32).fill(0xff);

/** What a channel was told to work on. */
interface Work {
  readonly jobId: number;
  readonly target: Target;
  readonly version: number;
  readonly minNtime: number;
  readonly previousHash: Buffer;
  readonly nbits: number;
  /** Of a job of the channel's own. */
  readonly merkleRoot: Buffer | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: NewExtendedMiningJob
  readonly extended: any;
}

interface Channel {
  readonly id: number;
  readonly groupId: number;
  readonly prefix: Buffer;
  readonly extranonceSize: number;
  target: Target;
  /** Jobs that wait for their tip. */
  // biome-ignore lint/suspicious/noExplicitAny: a job message
  readonly future: Map<number, { readonly job: any; readonly target: Target }>;
  tip: { readonly previousHash: Buffer; readonly nbits: number } | undefined;
  work: Work | undefined;
  counter: number;
  sequenceNumber: number;
  /** Shares that are not answered, by number. */
  readonly waiting: Map<number, { settle: (outcome: string) => void; fail: (error: Error) => void }>;
  /** Sums of all SubmitShares.Success. */
  acceptedCount: number;
  sharesSum: bigint;
}

/**
 * A Stratum V2 miner for tests, written apart from the pool's own sessions: what it makes of jobs and what the pool makes
 * of them must agree.
 */
export class V2Client {
  readonly user: string;
  readonly frames: FrameClient;
  readonly channels: Channel[] = [];
  readonly #kind: V2ClientOptions["kind"];
  #next = 0;
  #broken: Error | undefined;

  private constructor(frames: FrameClient, user: string, kind: V2ClientOptions["kind"]) {
    this.frames = frames;
    this.user = user;
    this.#kind = kind;
    frames.onReceived = (received) => this.#take(received);
    frames.onEnded = () => this.#end();
  }

  /** Connects, opens its channels and waits until each has work. */
  static async start(port: number, user: string, options: V2ClientOptions): Promise<V2Client> {
    const { kind, channels = 1, minExtranonceSize = 0, nominalHashRate = 0, flags = 0 } = options;
    const frames = await FrameClient.setUp(port, { flags });
    const client = new V2Client(frames, user, kind);
    const request = { userIdentity: user, nominalHashRate, maxTarget: anyTarget, minExtranonceSize };
    for (let requestId = 0; requestId < channels; requestId++) {
      const codec = kind === "standard" ? openStandardMiningChannel : openExtendedMiningChannel;
      frames.send(codec.encode({ ...request, requestId } as never));
    }
    await frames.until(
      () => client.channels.length === channels && client.channels.every(({ work }) => work !== undefined),
      "work",
    );
    return client;
  }

  get closed(): boolean {
    return this.frames.ended;
  }

  /** Makes a share of the newest job, for one channel after the other. Each call gives a new one. */
  makeShare(channel = this.channels[this.#next++ % this.channels.length]!, target?: Target): V2Share {
    for (;;) {
      const work = channel.work!;
      const { header, extranonce } = nextHeader(channel, work);
      const meets = target ?? work.target;
      const nonce = addon.scanNonces(header, meets.bytes, 0, 1 << 22);
      if (nonce < 0) continue;
      header.writeUInt32LE(nonce, 76);
      const sequenceNumber = channel.sequenceNumber++;
      const share = {
        channelId: channel.id,
        sequenceNumber,
        jobId: work.jobId,
        nonce,
        ntime: header.readUInt32LE(68),
        version: header.readUInt32LE(0),
      };
      const frame =
        this.#kind === "standard"
          ? submitSharesStandard.encode(share)
          : submitSharesExtended.encode({ ...share, extranonce });
      const hash = displayHash(sha256d(header));
      return { hash, target: work.target, user: this.user, channelId: channel.id, sequenceNumber, frame };
    }
  }

  /** Makes a share that meets the network's target. */
  makeBlock(channel = this.channels[0]!): V2Share {
    return this.makeShare(channel, targetFromBits(channel.work!.nbits));
  }

  /** @returns "accepted" or the error code. Rejects when the connection ends first. */
  submit(share: V2Share): Promise<string> {
    const channel = this.channels.find(({ id }) => id === share.channelId)!;
    return new Promise((settle, fail) => {
      if (this.closed) return fail(new Error("the connection is closed"));
      channel.waiting.set(share.sequenceNumber, { settle, fail });
      this.frames.send(share.frame);
    });
  }

  close(): void {
    this.frames.close();
  }

  #take({ name, message }: Received): void {
    switch (name) {
      case "OpenStandardMiningChannel.Success":
      case "OpenExtendedMiningChannel.Success":
        this.channels.push({
          id: message.channelId,
          groupId: message.groupChannelId,
          prefix: Buffer.from(message.extranoncePrefix),
          extranonceSize: message.extranonceSize ?? 0,
          target: targetFromBytes(message.target),
          future: new Map(),
          tip: undefined,
          work: undefined,
          counter: 0,
          sequenceNumber: 0,
          waiting: new Map(),
          acceptedCount: 0,
          sharesSum: 0n,
        });
        break;
      case "SetTarget":
        for (const channel of this.#addressed(message.channelId))
          channel.target = targetFromBytes(message.maximumTarget);
        break;
      case "NewMiningJob":
      case "NewExtendedMiningJob":
        for (const channel of this.#addressed(message.channelId)) takeJob(channel, message);
        break;
      case "SetNewPrevHash":
        for (const channel of this.#addressed(message.channelId)) takeTip(channel, message);
        break;
      case "SubmitShares.Success":
        this.#accepted(message);
        break;
      case "SubmitShares.Error":
        for (const channel of this.#addressed(message.channelId)) {
          channel.waiting.get(message.sequenceNumber)?.settle(message.errorCode);
          channel.waiting.delete(message.sequenceNumber);
        }
        break;
      case "OpenMiningChannel.Error":
        this.#break(`no channel: ${message.errorCode}`);
    }
  }

  /** A Success is of all shares up to its number that were not refused, and says how many those are. */
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
  #accepted({ channelId, lastSequenceNumber, newSubmitsAcceptedCount, newSharesSum }: any): void {
    const channel = this.channels.find(({ id }) => id === channelId)!;
    const covered = [...channel.waiting].filter(([number]) => number <= lastSequenceNumber);
    if (covered.length !== newSubmitsAcceptedCount)
      this.#break(
        `${newSubmitsAcceptedCount} shares are said to be accepted, and ${covered.length} were waiting`,
      );
    channel.acceptedCount += newSubmitsAcceptedCount;
    channel.sharesSum += newSharesSum;
    for (const [number, { settle }] of covered) {
      channel.waiting.delete(number);
      settle("accepted");
    }
  }

  #addressed(id: number): Channel[] {
    return this.channels.filter((channel) => channel.id === id || channel.groupId === id);
  }

  #break(why: string): void {
    this.#broken = new Error(why);
    this.close();
  }

  #end(): void {
    for (const { waiting } of this.channels) {
      for (const { fail } of waiting.values())
        fail(this.#broken ?? new Error("the connection ended before the answer"));
      waiting.clear();
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a message of the other side
function takeJob(channel: Channel, job: any): void {
  const { target } = channel;
  if (job.minNtime === undefined) channel.future.set(job.jobId, { job, target });
  else channel.work = workOf(channel, job, target, job.minNtime);
}

// biome-ignore lint/suspicious/noExplicitAny: a message of the other side
function takeTip(channel: Channel, { jobId, previousHash, nbits, minNtime }: any): void {
  const begun = channel.future.get(jobId);
  if (begun === undefined) throw new Error(`the tip has the job ${jobId} begin, which was never sent`);
  channel.future.clear();
  channel.tip = { previousHash: Buffer.from(previousHash), nbits };
  channel.work = workOf(channel, begun.job, begun.target, minNtime);
}

// biome-ignore lint/suspicious/noExplicitAny: a message of the other side
function workOf(channel: Channel, job: any, target: Target, minNtime: number): Work {
  if (channel.tip === undefined) throw new Error("a job came before the first tip");
  const { jobId, version, merkleRoot } = job;
  const extended = merkleRoot === undefined ? job : undefined;
  return { jobId, target, version, minNtime, ...channel.tip, merkleRoot, extended };
}

/** Another one at each call. */
function nextHeader(channel: Channel, work: Work): { header: Buffer; extranonce: Buffer } {
  const counter = channel.counter++;
  const extranonce = Buffer.alloc(channel.extranonceSize);
  if (extranonce.length > 0) extranonce.writeUInt32BE(counter, extranonce.length - 4);
  const root = work.merkleRoot ?? rootOf(work.extended, Buffer.concat([channel.prefix, extranonce]));
  const header = Buffer.alloc(80);
  // Who has no extranonce rolls the sixteen bits of BIP 320 that every pool allows.
  const rolled = extranonce.length > 0 ? 0 : (counter & 0xffff) << 13;
  header.writeUInt32LE((work.version ^ rolled) >>> 0, 0);
  work.previousHash.copy(header, 4);
  root.copy(header, 36);
  header.writeUInt32LE(work.minNtime + (extranonce.length > 0 ? 0 : counter >>> 16), 68);
  header.writeUInt32LE(work.nbits, 72);
  return { header, extranonce };
}

// biome-ignore lint/suspicious/noExplicitAny: NewExtendedMiningJob
function rootOf({ coinbaseTxPrefix, coinbaseTxSuffix, merklePath }: any, extranonce: Uint8Array): Buffer {
  let hash: Uint8Array = sha256d(Buffer.concat([coinbaseTxPrefix, extranonce, coinbaseTxSuffix]));
  for (const element of merklePath) hash = sha256d(Buffer.concat([hash, element]));
  return Buffer.from(hash);
}
