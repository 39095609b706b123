import { extranonce2Length } from "../../jobs/job.ts";
import { encodeRefusal } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { decodeSubscribe, encodeSubscription } from "../../protocol/v1/subscribe.ts";
import type { Channel } from "../channel.ts";
import { workerOfSession } from "../kept-sessions.ts";
import type { Session } from "./session.ts";

/**
 * The answer, the difficulty and the first job are one text: nothing can come between them, and nothing before. A
 * second subscription keeps its extranonce1 and is sent its work once more. A client that names a session of its own
 * that ended a while ago goes on with that one.
 */
export function subscribe(session: Session, line: Line): undefined {
  const { agent, sessionId } = decodeSubscribe(line.params);
  const { idText } = line;
  if (agent !== "" || session.channel === undefined) session.callItself(agent);
  if (session.channel !== undefined) return void answer(session, session.channel, idText);
  const resumed = sessionId === undefined ? undefined : resume(session, sessionId);
  if (resumed !== undefined) return void answer(session, resumed, idText);
  if (sessionId !== undefined && isElsewhere(session, sessionId)) return;
  const extranonce1 = session.context.extranonces.take();
  if (extranonce1 === undefined) waitForOne(session, idText);
  else answer(session, begin(session, extranonce1), idText);
}

/** Each worker process knows what was handed in for its own extranonces, and no other does. */
function isElsewhere(session: Session, sessionId: string): boolean {
  const worker = workerOfSession(sessionId);
  return worker !== undefined && worker !== session.context.workerNumber && session.movesTo(worker);
}

function resume(session: Session, sessionId: string): Channel | undefined {
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

/**
 * A rush of connections is ahead of the primary, which hands out extranonces by the block. What the client asked for
 * behind it is answered behind it.
 */
function waitForOne(session: Session, idText: string): void {
  if (session.isWaiting) {
    session.refuseMalformed(idText, "the subscription before is not answered yet");
    return;
  }
  session.isWaiting = true;
  const { extranonces } = session.context;
  const pending = session.answers.reserve();
  extranonces.wait((extranonce1) => {
    session.isWaiting = false;
    const { isOpen } = session.connection;
    if (extranonce1 === undefined) session.answers.settle(pending, refusalOf(idText));
    else if (isOpen) session.answers.settle(pending, answerOf(session, begin(session, extranonce1), idText));
    else extranonces.giveBack(extranonce1);
    if (extranonce1 === undefined) session.finish("unavailable");
    session.answered();
  });
}

function refusalOf(idText: string): string {
  return encodeRefusal(idText, "unavailable", "This server is full; use another one.");
}

function answer(session: Session, channel: Channel, idText: string): void {
  session.answers.answer(answerOf(session, channel, idText));
}

function answerOf(session: Session, channel: Channel, idText: string): string {
  const subscription = encodeSubscription(idText, {
    sessionId: session.sessionId,
    extranonce1: channel.extranonce1,
    extranonce2Size: extranonce2Length,
  });
  // Before the pool's first job there is none to send: it comes when it is there.
  const work = session.currentWork;
  const sendWork = work !== undefined && (channel.assignment === undefined || channel.canAssign(work));
  return sendWork ? subscription + session.takeWork(work) : subscription;
}
