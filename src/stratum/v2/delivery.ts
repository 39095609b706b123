/**
 * Work on its way to a connection's channels. On a new tip, and at first, a future job and the SetNewPrevHash that has it
 * begin; else a job that is active at once. A target is told before the first job that has it; jobs from before keep
 * theirs (5.3.21).
 */
import { coinbaseLength, extranonce1Length, extranonce2Length } from "../../jobs/job.ts";
import type { LiveJob } from "../../jobs/live-jobs.ts";
import { closeChannel, setTarget } from "../../protocol/v2/channels.ts";
import { u256OfTarget } from "../../protocol/v2/target.ts";
import type { ChannelGroup, MiningChannel } from "./mining-channel.ts";
import type { FrameSession } from "./session.ts";

/** A job that is in a channel's history now, and has to be sent. */
interface Handed {
  readonly jobName: number;
  /** It begins with the tip that is told with it: a future job. */
  readonly isFuture: boolean;
  readonly minNtime: number;
  /** Another target than before holds from this job on, and is told behind it: nothing may come before a first job. */
  readonly owesTarget: boolean;
}

/** Sends a job to all channels that have not had it. */
export function deliver(session: FrameSession, job: LiveJob): void {
  session.names.forgetBefore(session.context.jobs.oldestNumber);
  for (const group of session.channels.groups) deliverToGroup(session, group, job);
}

/** What a job takes on the wire, nearly: one message or one for each channel, and what is each channel's own. */
export function deliveryBytes({ channels, port, standardJobsOnly }: FrameSession, { data }: LiveJob): number {
  const extendedBytes = coinbaseLength(data) + data.merkleBranch.length * hashBytes + ownBytes;
  const extended = port.scheme === "solo" ? channels.size : groupsAtMost;
  return channels.size * ownBytes + (standardJobsOnly ? 0 : extended * extendedBytes);
}

/** A target, a standard job and a tip, sealed. */
const ownBytes = 256;
const groupsAtMost = 2;

/**
 * Sends the current job, with the difficulty that is wanted, whether the channel has had it or not: then under another
 * name, and for times that no device has searched yet.
 */
export function sendWork(session: FrameSession, channel: MiningChannel, job: LiveJob): void {
  const work = session.workOf(channel, job);
  if (work === undefined) closeForWantOfRoom(session, channel);
  else sendOwn(session, [channel], work);
}

/** The job's coinbase has no room for the channel's extranonce: it can be opened anew, with a shorter one. */
function closeForWantOfRoom(session: FrameSession, { id }: MiningChannel): void {
  session.connection.send(
    closeChannel.encode({ channelId: id, reasonCode: "unsupported-min-extranonce-size" }),
  );
  session.forget(session.channels.close(id));
}

export function sendTarget({ connection, context }: FrameSession, { id, told }: MiningChannel): void {
  const maximumTarget = u256OfTarget(context.difficulties.target(told));
  connection.send(setTarget.encode({ channelId: id, maximumTarget }));
}

function deliverToGroup(session: FrameSession, { id, channels }: ChannelGroup, job: LiveJob): void {
  const due = [...channels].filter(({ core }) => core.lastJobNumber < job.data.number);
  const isForAll = due.length === channels.size && due.length > 1;
  if (session.port.scheme === "solo") {
    for (const channel of due) sendWork(session, channel, job);
    return;
  }
  const work = due[0] && session.workOf(due[0], job);
  if (work === undefined) for (const channel of due) closeForWantOfRoom(session, channel);
  else if (isForAll && !session.standardJobsOnly) sendShared(session, id, due, work);
  else sendOwn(session, due, work);
}

/** One message for all of a group. */
function sendShared(
  session: FrameSession,
  groupId: number,
  channels: readonly MiningChannel[],
  work: LiveJob,
): void {
  // All of them were sent the same jobs since they were opened.
  const [handed] = channels.map((channel) => hand(session, channel, work));
  if (handed === undefined) return;
  sendJob(session, groupId, work, handed, undefined);
  sendTip(session, groupId, work, handed);
}

function sendOwn(session: FrameSession, channels: readonly MiningChannel[], work: LiveJob): void {
  const standard = channels.filter(({ kind }) => kind === "standard");
  const roots = rootsOf(session, standard, work);
  for (const channel of channels) {
    const handed = hand(session, channel, work);
    const root = channel.kind === "standard" ? roots.next().value : undefined;
    sendJob(session, channel.id, work, handed, root);
    if (handed.owesTarget) sendTarget(session, channel);
    sendTip(session, channel.id, work, handed);
  }
}

/** Puts the job into the channel's history, and tells its target where that is another than before. */
function hand(session: FrameSession, channel: MiningChannel, work: LiveJob): Handed {
  const { core } = channel;
  const { number, startTime } = work.data;
  const isFirst = !channel.hasWork;
  const isAgain = core.lastJobNumber >= number;
  const staysAsItIs = !isFirst && !isAgain && core.keepsDifficulty(work);
  const { variant, clean } = staysAsItIs ? { variant: 0, clean: core.sent(work) } : core.assign(work);
  // Another target, or a tip on which what was granted may become stale.
  if (!staysAsItIs || clean) session.forgetGrants(channel);
  const { difficulty } = core.assignment!;
  const isOther = difficulty !== channel.told;
  channel.told = difficulty;
  if (isOther && !isFirst) sendTarget(session, channel);
  const minNtime = variant === 0 ? startTime : channel.unsearchedTime(session.context.clock.monotonicMs());
  channel.begins(minNtime, session.context.clock.monotonicMs());
  const jobName = session.names.nameOf({ number, variant, minNtime });
  return { jobName, isFuture: clean, minNtime, owesTarget: isOther && isFirst };
}

/** @param merkleRoot for a standard channel that gets a job of its own. */
function sendJob(
  { connection, context: { jobFrames } }: FrameSession,
  channelId: number,
  work: LiveJob,
  { jobName, isFuture, minNtime }: Handed,
  merkleRoot: Uint8Array | undefined,
): void {
  const addressed = { channelId, jobName, minNtime: isFuture ? undefined : minNtime };
  connection.send(
    merkleRoot === undefined
      ? jobFrames.extended(work, addressed)
      : jobFrames.standard(work, addressed, merkleRoot),
  );
}

function sendTip(
  { connection, context: { jobFrames } }: FrameSession,
  channelId: number,
  work: LiveJob,
  { jobName, isFuture }: Handed,
): void {
  if (isFuture) connection.send(jobFrames.prevHash(work, channelId, jobName));
}

const hashBytes = 32;
const extranonceBytes = extranonce1Length + extranonce2Length;

/** Of many channels at once, in their order. */
function* rootsOf(
  { context }: FrameSession,
  channels: readonly MiningChannel[],
  work: LiveJob,
): Generator<Buffer, undefined> {
  const extranonces = Buffer.alloc(channels.length * extranonceBytes);
  for (const [index, { core }] of channels.entries())
    extranonces.writeUInt32BE(core.extranonce1, index * extranonceBytes);
  const roots = Buffer.alloc(channels.length * hashBytes);
  context.v2.jobRoots(work, extranonces, roots);
  for (let at = 0; at < roots.length; at += hashBytes) yield roots.subarray(at, at + hashBytes);
}
