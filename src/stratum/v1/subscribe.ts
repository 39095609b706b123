import { extranonce2Length } from "../../jobs/job.ts";
import { encodeRefusal } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { decodeSubscribe, encodeSubscription } from "../../protocol/v1/subscribe.ts";
import type { Channel } from "../channel.ts";
import { workerOfSession } from "../kept-sessions.ts";
import type { Session } from "./session.ts";

/**
 * The answer, the difficulty and the first job are one write: nothing can come between them, and nothing before. A
 * second subscription keeps its extranonce1 and is sent its work once more, at once: behind answers that wait for the
 * journal it would come after newer work. A client that names a session of its own that ended a while ago goes on with
 * that one.
 */
export function subscribe(session: Session, line: Line): undefined {
  const { agent, sessionId } = decodeSubscribe(line.params);
  const { idText } = line;
  if (session.isWaiting)
    return void session.refuseMalformed(idText, "the subscription before is not answered yet");
  if (agent !== "" || session.channel === undefined) session.callItself(agent);
  const channel = session.channel ?? resume(session, sessionId);
  if (channel !== undefined) welcome(session, channel, idText);
  else if (!isElsewhere(session, sessionId)) beginAnew(session, idText);
}

/** Each worker process knows what was handed in for its own extranonces, and no other does. */
function isElsewhere(session: Session, sessionId: string | undefined): boolean {
  const worker = sessionId === undefined ? undefined : workerOfSession(sessionId);
  return worker !== undefined && worker !== session.context.workerNumber && session.movesTo(worker);
}

function beginAnew(session: Session, idText: string): void {
  const extranonce1 = session.context.extranonces.take();
  if (extranonce1 === undefined) waitForOne(session, idText);
  else welcome(session, begin(session, extranonce1), idText);
}

function resume(session: Session, sessionId: string | undefined): Channel | undefined {
  if (sessionId === undefined) return undefined;
  const { kept, recorder, metrics } = session.context;
  const state = kept.take(sessionId, session.port.scheme);
  if (state === undefined) return undefined;
  metrics.sessionResumed();
  recorder.resumed(sessionId);
  return session.open(sessionId, state);
}

function begin(session: Session, extranonce1: number): Channel {
  const { newSessionId, recorder } = session.context;
  const sessionId = newSessionId();
  recorder.opened(sessionId, extranonce1, session.port.scheme);
  return session.open(sessionId, extranonce1);
}

function welcome(session: Session, channel: Channel, idText: string): void {
  session.answers.answer(subscriptionOf(session, channel, idText));
  session.sendWork();
}

function subscriptionOf({ sessionId }: Session, { extranonce1 }: Channel, idText: string): string {
  return encodeSubscription(idText, { sessionId, extranonce1, extranonce2Size: extranonce2Length });
}

/** A rush of connections is ahead of the primary, which hands out extranonces by the block. */
function waitForOne(session: Session, idText: string): void {
  const { extranonces } = session.context;
  const { answers } = session;
  const pending = answers.reserve();
  session.isWaiting = true;
  extranonces.wait((extranonce1) => {
    session.isWaiting = false;
    // Many wait in a row: none of them may stop the others.
    try {
      if (extranonce1 !== undefined && session.connection.isOpen) {
        answers.settle(pending, subscriptionOf(session, begin(session, extranonce1), idText));
        session.sendWork();
      } else {
        if (extranonce1 !== undefined) extranonces.giveBack(extranonce1);
        answers.settle(
          pending,
          encodeRefusal(idText, "unavailable", "This server is full; use another one."),
        );
        session.finish("unavailable");
      }
      session.answered();
    } catch (error) {
      session.failed(error);
    }
  });
}
