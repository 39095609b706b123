import { extranonce2Length } from "../../jobs/job.ts";
import { encodeRefusal } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { decodeSubscribe, encodeSubscription } from "../../protocol/v1/subscribe.ts";
import type { Channel } from "../channel.ts";
import type { Session } from "./session.ts";

/**
 * The answer, the difficulty and the first job are one text: nothing can come between them, and nothing before. A
 * second subscription keeps its extranonce1 and is sent its work once more. A client that names a session of its own
 * that ended a while ago goes on with that one.
 */
export function subscribe(session: Session, line: Line): undefined {
  const { agent, sessionId } = decodeSubscribe(line.params);
  const isFirst = session.channel === undefined;
  if (agent !== "" || isFirst) session.callItself(agent);
  const channel = session.channel ?? open(session, sessionId);
  if (channel === undefined) {
    session.answers.answer(
      encodeRefusal(line.idText, "unavailable", "This server is full; use another one."),
    );
    session.finish("unavailable");
    return;
  }
  const answer = encodeSubscription(line.idText, {
    sessionId: session.sessionId,
    extranonce1: channel.extranonce1,
    extranonce2Size: extranonce2Length,
  });
  // Before the pool's first job there is none to send: it comes when it is there.
  const work = session.currentWork;
  const sendWork = work !== undefined && (channel.assignment === undefined || channel.canAssign(work));
  session.answers.answer(sendWork ? answer + session.takeWork(work) : answer);
}

function open(session: Session, wantedSession: string | undefined): Channel | undefined {
  const { kept, extranonces, newSessionId, recorder, metrics } = session.context;
  const { scheme } = session.port;
  const state = wantedSession === undefined ? undefined : kept.take(wantedSession, scheme);
  if (state !== undefined) {
    metrics.sessionResumed();
    recorder.resumed(wantedSession!);
    return session.open(wantedSession!, state);
  }
  const extranonce1 = extranonces.take();
  if (extranonce1 === undefined) return undefined;
  const sessionId = newSessionId();
  recorder.opened(sessionId, extranonce1, scheme);
  return session.open(sessionId, extranonce1);
}
