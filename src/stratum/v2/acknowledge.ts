/**
 * SubmitShares.Success (5.3.13): says of durable shares, some at a time, that they are. At once where the channel was
 * not told anything for a while, so that a lone share is answered as quickly as V1's; else at ten shares or after 50 ms,
 * whichever is first.
 */
import type { Clock } from "../../clock.ts";
import { submitSharesSuccessBytes, writeSubmitSharesSuccess } from "../../protocol/v2/submit-shares.ts";
import type { MiningChannel } from "./mining-channel.ts";
import type { FrameSession } from "./session.ts";

const delayMs = 50;

/** A share of this channel became durable. @param difficulty of its target. */
export function acknowledgeSoon(
  session: FrameSession,
  channel: MiningChannel,
  sequenceNumber: number,
  difficulty: number,
): void {
  channel.batch.add(sequenceNumber, difficulty);
  if (channel.batch.isFull) acknowledge(session, channel);
  else if (!channel.isAcknowledgementDue) session.context.acknowledgements.plan(session, channel);
}

/** What waits is told now. */
export function acknowledge(session: FrameSession, channel: MiningChannel): void {
  const { batch, id } = channel;
  // Of a channel that was closed meanwhile the client knows nothing any more.
  if (batch.isEmpty || session.channels.get(id) !== channel) return;
  channel.acknowledgedMs = session.context.clock.monotonicMs();
  const frame = Buffer.allocUnsafe(submitSharesSuccessBytes);
  writeSubmitSharesSuccess(frame, 0, { channelId: id, ...batch.take() });
  session.connection.send(frame);
}

interface Due {
  readonly session: FrameSession;
  readonly channel: MiningChannel;
}

/** When shares are acknowledged, for all channels of a process. */
export class AcknowledgementTimer {
  readonly #clock: Clock;
  /** When all shares of a commit have been heard of. */
  #soon: Due[] = [];
  /** When the time is up, which begins with the first of them. */
  #later: Due[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The channel's batch is not empty any more. */
  plan(session: FrameSession, channel: MiningChannel): void {
    channel.isAcknowledgementDue = true;
    const isQuiet = this.#clock.monotonicMs() - channel.acknowledgedMs >= delayMs;
    if (isQuiet) {
      if (this.#soon.push({ session, channel }) === 1) queueMicrotask(() => this.#tellSoon());
    } else if (this.#later.push({ session, channel }) === 1) {
      setTimeout(() => this.#tellLater(), delayMs);
    }
  }

  #tellSoon(): void {
    const due = this.#soon;
    this.#soon = [];
    tell(due);
  }

  #tellLater(): void {
    const due = this.#later;
    this.#later = [];
    tell(due);
  }
}

function tell(due: readonly Due[]): void {
  for (const { session, channel } of due) {
    channel.isAcknowledgementDue = false;
    // Many in a row: none of them may stop the others.
    try {
      acknowledge(session, channel);
    } catch (error) {
      session.failed(error);
    }
  }
}
