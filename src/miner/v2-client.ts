/** A Stratum V2 client for one connection with one channel: opens it, takes jobs and hands in shares. */
import type { Addon } from "../native/addon.ts";
import { Malformed } from "../protocol/malformed.ts";
import {
  closeChannel,
  type OpenExtendedMiningChannelSuccess,
  type OpenStandardMiningChannelSuccess,
  openExtendedMiningChannel,
  openExtendedMiningChannelSuccess,
  openMiningChannelError,
  openStandardMiningChannel,
  openStandardMiningChannelSuccess,
  setExtranoncePrefix,
  setGroupChannel,
  setTarget,
} from "../protocol/v2/channels.ts";
import {
  protocols,
  protocolVersion,
  reconnect,
  setupConnection,
  setupConnectionError,
  setupConnectionSuccess,
  setupSuccessFlags,
} from "../protocol/v2/common.ts";
import { newExtendedMiningJob, newMiningJob, setNewPrevHash } from "../protocol/v2/jobs.ts";
import type { MessageCodec } from "../protocol/v2/message.ts";
import type { AnyCodec } from "../protocol/v2/registry.ts";
import {
  submitSharesError,
  submitSharesExtended,
  submitSharesStandard,
  submitSharesSuccess,
} from "../protocol/v2/shares.ts";
import { OpenShares } from "./open-shares.ts";
import type { Outcome, PoolClient, PoolClientEvents, Work } from "./pool-client.ts";
import { unanswered } from "./pool-client.ts";
import { V2Channel } from "./v2-channel.ts";
import { V2Connection, type V2ConnectionOptions } from "./v2-connection.ts";
import { makeV2Unit, type V2Job, type V2WorkUnit } from "./v2-work-unit.ts";

export type ChannelKind = "standard" | "extended";

export interface V2ClientOptions extends V2ConnectionOptions {
  readonly user: string;
  /** NAME/VERSION */
  readonly agent: string;
  readonly channel: ChannelKind;
  /** What the pool is told of this miner, hashes a second. */
  readonly nominalHashRate: number;
  readonly addon: Pick<Addon, "sha256d" | "merkleRoot">;
}

const anyTarget = new Uint8Array(32).fill(0xff);
/** More headers than a processor will ever hash: 2^32 extranonces. */
const minExtranonceSize = 4;
/** Refusals that other miners' leaving puts an end to. */
const passingRefusals: readonly string[] = ["channel-capacity-exhausted"];

export class V2Client implements PoolClient {
  readonly #options: V2ClientOptions;
  readonly #events: PoolClientEvents;
  readonly #connection: V2Connection;
  readonly #shares = new OpenShares();
  #isVersionFixed = false;
  #channel: V2Channel | undefined;

  constructor(options: V2ClientOptions, events: PoolClientEvents) {
    this.#options = options;
    this.#events = events;
    this.#connection = new V2Connection(options, {
      secured: () => this.#introduce(),
      message: (codec, payload) => this.#take(codec, payload),
      closed: (why) => {
        this.#shares.end();
        events.closed(why);
      },
    });
  }

  close(why: string): void {
    this.#connection.close(why);
  }

  #introduce(): void {
    const { host, port, agent } = this.#options;
    const [vendor = "", firmware = ""] = agent.split("/");
    this.#connection.send(
      setupConnection.encode({
        protocol: protocols.mining,
        minVersion: protocolVersion,
        maxVersion: protocolVersion,
        flags: 0,
        endpointHost: host,
        endpointPort: port,
        vendor,
        hardwareVersion: "",
        firmware,
        deviceId: "",
      }),
    );
  }

  #take(codec: AnyCodec, payload: Buffer): void {
    const channel = this.#channel;
    if (channel === undefined) this.#takeFirst(codec, payload);
    else this.#takeOfChannel(channel, codec, payload);
    if (codec === reconnect) {
      // Never to another host: that is how hash power is stolen.
      this.close("the pool asked to connect again");
    }
  }

  /** What comes before the channel is open. */
  #takeFirst(codec: AnyCodec, payload: Buffer): void {
    switch (codec) {
      case setupConnectionSuccess:
        this.#decoded(setupConnectionSuccess, payload, ({ flags }) => this.#openChannel(flags));
        break;
      case setupConnectionError:
        this.#decoded(setupConnectionError, payload, ({ errorCode }) =>
          this.#events.refused(`the pool does not accept the connection: ${errorCode}`),
        );
        break;
      case openStandardMiningChannelSuccess:
        this.#decoded(openStandardMiningChannelSuccess, payload, (opened) => this.#opened(opened));
        break;
      case openExtendedMiningChannelSuccess:
        this.#decoded(openExtendedMiningChannelSuccess, payload, (opened) => this.#opened(opened));
        break;
      case openMiningChannelError:
        this.#decoded(openMiningChannelError, payload, ({ errorCode }) => this.#notOpened(errorCode));
        break;
    }
  }

  #openChannel(flags: number): void {
    const { user, channel, nominalHashRate } = this.#options;
    this.#isVersionFixed = (flags & setupSuccessFlags.requiresFixedVersion) !== 0;
    const request = { requestId: 1, userIdentity: user, nominalHashRate, maxTarget: anyTarget };
    if (channel === "extended")
      this.#connection.send(openExtendedMiningChannel.encode({ ...request, minExtranonceSize }));
    else if ((flags & setupSuccessFlags.requiresExtendedChannels) === 0)
      this.#connection.send(openStandardMiningChannel.encode(request));
    else this.#events.refused("the pool does not serve standard channels: use --channel extended");
  }

  #opened(opened: OpenStandardMiningChannelSuccess | OpenExtendedMiningChannelSuccess): void {
    const { addon } = this.#options;
    this.#channel = new V2Channel({ opened, isVersionFixed: this.#isVersionFixed, addon });
  }

  #notOpened(errorCode: string): void {
    const { user } = this.#options;
    if (passingRefusals.includes(errorCode)) this.close(`the pool opens no channel: ${errorCode}`);
    else this.#events.refused(`the pool opens no channel for the user "${user}": ${errorCode}`);
  }

  #takeOfChannel(channel: V2Channel, codec: AnyCodec, payload: Buffer): void {
    switch (codec) {
      case newMiningJob:
        this.#heard(channel, newMiningJob, payload, (job) => this.#begin(channel.takeJob(job), false));
        break;
      case newExtendedMiningJob:
        this.#heard(channel, newExtendedMiningJob, payload, (job) =>
          this.#begin(channel.takeJob(job), false),
        );
        break;
      case setNewPrevHash:
        this.#heard(channel, setNewPrevHash, payload, (tip) => this.#begin(channel.takeTip(tip), true));
        break;
      case submitSharesSuccess:
        this.#heard(channel, submitSharesSuccess, payload, (success) =>
          this.#shares.accepted(success.lastSequenceNumber, success.newSubmitsAcceptedCount),
        );
        break;
      case submitSharesError:
        this.#heard(channel, submitSharesError, payload, ({ sequenceNumber, errorCode }) =>
          this.#shares.rejected(sequenceNumber, errorCode),
        );
        break;
      default:
        this.#takeChange(channel, codec, payload);
    }
  }

  #takeChange(channel: V2Channel, codec: AnyCodec, payload: Buffer): void {
    switch (codec) {
      case setTarget:
        this.#heard(channel, setTarget, payload, ({ maximumTarget }) => channel.setTarget(maximumTarget));
        break;
      case setExtranoncePrefix:
        this.#heard(channel, setExtranoncePrefix, payload, ({ extranoncePrefix }) =>
          channel.setPrefix(extranoncePrefix),
        );
        break;
      case setGroupChannel:
        this.#decoded(setGroupChannel, payload, (group) => channel.joinGroup(group));
        break;
      case closeChannel:
        this.#heard(channel, closeChannel, payload, ({ reasonCode }) =>
          this.close(`the pool closed the channel: ${reasonCode}`),
        );
        break;
    }
  }

  #begin(job: V2Job | Malformed | undefined, clean: boolean): void {
    if (job instanceof Malformed) this.#odd(job);
    else if (job !== undefined) this.#events.work(this.#workOn(job, clean));
  }

  #workOn(job: V2Job, clean: boolean): Work {
    return {
      clean,
      unit: (index, elapsedSeconds) => {
        const unit = makeV2Unit(job, index, elapsedSeconds);
        const { header, target } = unit;
        return { header, target, submit: (nonce) => this.#submit(unit, nonce) };
      },
    };
  }

  #submit({ jobId, ntime, version, extranonce }: V2WorkUnit, nonce: number): Promise<Outcome> {
    return new Promise((resolve) => {
      if (this.#connection.isClosed) {
        resolve(unanswered);
        return;
      }
      const channelId = this.#channel!.id;
      const sequenceNumber = this.#shares.add(resolve);
      const share = { channelId, sequenceNumber, jobId, nonce, ntime, version };
      this.#connection.send(
        this.#options.channel === "extended"
          ? submitSharesExtended.encode({ ...share, extranonce })
          : submitSharesStandard.encode(share),
      );
    });
  }

  /** A message of a channel, if it is for this one. */
  #heard<Message extends { readonly channelId: number }>(
    channel: V2Channel,
    codec: MessageCodec<Message>,
    payload: Buffer,
    then: (message: Message) => void,
  ): void {
    this.#decoded(codec, payload, (message) => {
      if (channel.hears(message.channelId)) then(message);
    });
  }

  #decoded<Message>(codec: MessageCodec<Message>, payload: Buffer, then: (message: Message) => void): void {
    const message = codec.decode(payload);
    if (message instanceof Malformed) this.#odd(message);
    else then(message);
  }

  #odd({ detail }: Malformed): void {
    this.close(`the pool sent something odd: ${detail}`);
  }
}
