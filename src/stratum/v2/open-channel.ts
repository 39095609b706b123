/** OpenStandardMiningChannel and OpenExtendedMiningChannel (5.3.2 to 5.3.6). */
import { extranonce2Length, wideExtranonce2Length } from "../../jobs/job.ts";
import { splitUserName } from "../../protocol/v1/user-name.ts";
import {
  type OpenStandardMiningChannel,
  openExtendedMiningChannelSuccess,
  openMiningChannelError,
  openStandardMiningChannelSuccess,
} from "../../protocol/v2/channels.ts";
import type { OpenErrorCode } from "../../protocol/v2/errors.ts";
import { u256OfTarget } from "../../protocol/v2/target.ts";
import { Channel } from "../channel.ts";
import type { Wishes } from "../difficulty-bounds.ts";
import type { Miner } from "../remembered-difficulties.ts";
import { wishesOf } from "./channel-wishes.ts";
import { sendWork } from "./delivery.ts";
import type { ChannelKind, MiningChannel } from "./mining-channel.ts";
import type { FrameSession } from "./session.ts";

/** A request that everything is all right with. */
interface Granted {
  readonly requestId: number;
  readonly kind: ChannelKind;
  readonly isWide: boolean;
  readonly miner: Miner;
  readonly wishes: Wishes;
}

export function openStandard(session: FrameSession, request: OpenStandardMiningChannel): void {
  open(session, request, "standard", 0);
}

export function openExtended(
  session: FrameSession,
  request: OpenStandardMiningChannel & { readonly minExtranonceSize: number },
): void {
  open(session, request, "extended", request.minExtranonceSize);
}

function open(
  session: FrameSession,
  request: OpenStandardMiningChannel,
  kind: ChannelKind,
  minExtranonceSize: number,
): void {
  const { requestId } = request;
  const granted = grant(session, request, kind, minExtranonceSize);
  if (typeof granted === "string") {
    session.context.discipline.requested(session);
    refuse(session, requestId, granted);
    return;
  }
  const { extranonces } = session.context;
  const extranonce1 = extranonces.take();
  if (extranonce1 === undefined) waitForOne(session, granted);
  else welcome(session, granted, extranonce1);
}

/** @returns why not, or what is granted: then its place is taken. */
function grant(
  session: FrameSession,
  request: OpenStandardMiningChannel,
  kind: ChannelKind,
  minExtranonceSize: number,
): Granted | OpenErrorCode {
  const { context, port } = session;
  if (kind === "extended" && session.standardJobsOnly)
    return "extended-channels-not-supported-for-standard-jobs";
  const { address, worker } = splitUserName(request.userIdentity);
  const parsed = context.addresses.read(address);
  if (!parsed.ok) return "unknown-user";
  const wishes = wishesOf(request, port.difficulty, session.hardestDifficulty);
  if (typeof wishes === "string") return wishes;
  const isWide = minExtranonceSize > extranonce2Length;
  if (minExtranonceSize > wideExtranonce2Length || (isWide && !session.hasRoomForWide))
    return "unsupported-min-extranonce-size";
  if (!session.takePlace()) return "channel-capacity-exhausted";
  return { requestId: request.requestId, kind, isWide, miner: { account: parsed.address, worker }, wishes };
}

/** A rush of channels is ahead of the primary, which hands out extranonces by the block. */
function waitForOne(session: FrameSession, granted: Granted): void {
  const { extranonces } = session.context;
  extranonces.wait((extranonce1) => {
    // Many wait in a row: none of them may stop the others.
    try {
      if (extranonce1 !== undefined && session.connection.isOpen) {
        welcome(session, granted, extranonce1);
        return;
      }
      if (extranonce1 !== undefined) extranonces.giveBack(extranonce1);
      session.giveBackPlace();
      refuse(session, granted.requestId, "channel-capacity-exhausted");
    } catch (error) {
      session.failed(error);
    }
  });
}

function welcome(session: FrameSession, granted: Granted, extranonce1: number): void {
  const { context, connection } = session;
  const channel = begin(session, granted, extranonce1);
  connection.send(successOf(session, channel, granted.requestId));
  context.metrics.channelOpenAnswered(granted.kind);
  const { current } = context.jobs;
  if (current !== undefined) sendWork(session, channel, current);
}

function begin(session: FrameSession, granted: Granted, extranonce1: number): MiningChannel {
  const { context, port, profile } = session;
  const { kind, isWide, miner, wishes } = granted;
  const core = new Channel(context, port.difficulty, profile, wishes, extranonce1);
  // Who says nothing of its speed may have shown it before.
  const remembered = wishes.nominal === undefined ? context.remembered.get(miner) : undefined;
  if (remembered !== undefined && port.difficulty.vardiff) core.wantAgain(remembered);
  const { coinbaseBytes } = profile;
  const { current } = context.jobs;
  const told = current === undefined ? core.wanted : core.difficultyFor(current);
  return session.opened({ kind, isWide, miner, coinbaseBytes, core }, told);
}

function successOf({ context }: FrameSession, channel: MiningChannel, requestId: number): Buffer {
  const { id, kind, group, extranoncePrefix, extranonceSize, told } = channel;
  const answer = {
    requestId,
    channelId: id,
    target: u256OfTarget(context.difficulties.target(told)),
    extranoncePrefix,
    groupChannelId: group.id,
  };
  return kind === "standard"
    ? openStandardMiningChannelSuccess.encode(answer)
    : openExtendedMiningChannelSuccess.encode({ ...answer, extranonceSize });
}

function refuse({ connection, context }: FrameSession, requestId: number, errorCode: OpenErrorCode): void {
  context.metrics.channelOpenAnswered(errorCode);
  connection.send(openMiningChannelError.encode({ requestId, errorCode }));
}
