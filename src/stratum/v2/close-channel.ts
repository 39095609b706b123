/** CloseChannel (5.3.9). */
import type { CloseChannel } from "../../protocol/v2/channels.ts";
import type { FrameSession } from "./session.ts";

/** A group's id closes all of its channels; one that is not open is nothing. */
export function closeChannel(session: FrameSession, { channelId }: CloseChannel): void {
  session.forget(session.channels.close(channelId));
}
