import { extranonce1Length, extranonce2Length, wideExtranonce2Length } from "../../jobs/job.ts";
import type { Channel } from "../channel.ts";
import type { Miner } from "../remembered-difficulties.ts";
import { ShareBatch } from "./share-batch.ts";

export type ChannelKind = "standard" | "extended";

export interface MiningChannelOptions {
  readonly id: number;
  readonly kind: ChannelKind;
  /** Whether 16 bytes of extranonce are the client's, not 8. */
  readonly isWide: boolean;
  readonly group: ChannelGroup;
  readonly miner: Miner;
  /** What its device takes of a coinbase, for solo work. */
  readonly coinbaseBytes: number;
  readonly core: Channel;
}

/** One standard or extended channel (5.2): what every protocol's channel is, and what the wire calls it. */
export class MiningChannel {
  readonly id: number;
  readonly kind: ChannelKind;
  readonly isWide: boolean;
  readonly group: ChannelGroup;
  readonly miner: Miner;
  readonly coinbaseBytes: number;
  /** Its extranonce1, its jobs, its difficulty. */
  readonly core: Channel;
  /** Durable shares that are not acknowledged. */
  readonly batch = new ShareBatch();
  /** Whether its batch is about to be looked at. */
  isAcknowledgementDue = false;
  acknowledgedMs = Number.NEGATIVE_INFINITY;
  /** The difficulty whose target the client was told last. */
  told: number;
  /** What was told with its newest job, seconds, and when that was. */
  #minNtime = 0;
  #begunMs = 0;

  constructor({ id, kind, isWide, group, miner, coinbaseBytes, core }: MiningChannelOptions, told: number) {
    this.id = id;
    this.kind = kind;
    this.isWide = isWide;
    this.group = group;
    this.miner = miner;
    this.coinbaseBytes = coinbaseBytes;
    this.core = core;
    this.told = told;
  }

  /** A job was sent with this min_ntime. */
  begins(minNtime: number, nowMs: number): void {
    this.#minNtime = minNtime;
    this.#begunMs = nowMs;
  }

  /** A time that its device has not come to: it counts on from what it was told, a second each second (5.3.11). */
  unsearchedTime(nowMs: number): number {
    return this.#minNtime + Math.ceil((nowMs - this.#begunMs) / 1000) + 1;
  }

  /** Whether a job was sent. */
  get hasWork(): boolean {
    return this.core.assignment !== undefined;
  }

  /** Bytes of extranonce that its shares carry. */
  get extranonceSize(): number {
    if (this.kind === "standard") return 0;
    return this.isWide ? wideExtranonce2Length : extranonce2Length;
  }

  /**
   * What stands in the coinbase before the share's own bytes. A standard channel's is all of it, and as long as in the
   * group's extended channels: extranonce1, and zeros where those have their own.
   */
  get extranoncePrefix(): Buffer {
    const length = this.kind === "standard" ? extranonce1Length + extranonce2Length : extranonce1Length;
    const prefix = Buffer.alloc(length);
    prefix.writeUInt32BE(this.core.extranonce1);
    return prefix;
  }
}

/** Channels with extranonces of one length, to which one message can be sent (5.2.3). */
export interface ChannelGroup {
  /** Of the same kind as ids of channels, and none of those. */
  readonly id: number;
  readonly channels: Set<MiningChannel>;
}
