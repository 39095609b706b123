/** UpdateChannel (5.3.7). */
import { type UpdateChannel, updateChannelError } from "../../protocol/v2/channels.ts";
import type { UpdateErrorCode } from "../../protocol/v2/errors.ts";
import { wishesOf } from "./channel-wishes.ts";
import { sendTarget, sendWork } from "./delivery.ts";
import type { FrameSession } from "./session.ts";

/**
 * Always answered, with a SetTarget even where nothing changes: some proxies wait for it. Who names its speed is taken
 * at its word; who only names another easiest target keeps what was found.
 */
export function updateChannel(session: FrameSession, request: UpdateChannel): void {
  const { context } = session;
  const channel = session.channels.get(request.channelId);
  if (channel === undefined) {
    refuse(session, request.channelId, "invalid-channel-id");
    return;
  }
  const claims = { nominalHashRate: request.nominalHashRate, maxTarget: request.maximumTarget };
  const wishes = wishesOf(claims, session.port.difficulty, session.hardestDifficulty);
  if (typeof wishes === "string") {
    refuse(session, request.channelId, wishes);
    return;
  }
  const { core } = channel;
  core.reconsider(session.profile, wishes, wishes.nominal === undefined ? "here" : "start");
  const { current } = context.jobs;
  const difficulty = current === undefined ? core.wanted : core.difficultyFor(current);
  // Where the present job has no name left for it, the next one carries the change.
  if (current !== undefined && channel.hasWork && difficulty !== channel.told && core.canAssign(current)) {
    sendWork(session, channel, current);
  } else {
    channel.told = difficulty;
    sendTarget(session, channel);
  }
  context.metrics.channelUpdateAnswered("accepted");
}

function refuse({ connection, context }: FrameSession, channelId: number, errorCode: UpdateErrorCode): void {
  context.metrics.channelUpdateAnswered(errorCode);
  connection.send(updateChannelError.encode({ channelId, errorCode }));
}
