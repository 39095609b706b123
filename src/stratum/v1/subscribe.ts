import { extranonce2Length } from "../../jobs/job.ts";
import { encodeRefusal } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import type { Malformed } from "../../protocol/v1/malformed.ts";
import { decodeSubscribe, encodeSubscription } from "../../protocol/v1/subscribe.ts";
import type { Session } from "./session.ts";

/**
 * The answer, the difficulty and the first job are one text: nothing can come between them, and nothing before. A
 * second subscription keeps its extranonce1 and is sent its work once more.
 */
export function subscribe(session: Session, line: Line): Malformed | undefined {
  const request = decodeSubscribe(line.params);
  const { context } = session;
  const isFirst = session.subscription === undefined;
  const extranonce1 = session.subscription?.extranonce1 ?? context.extranonces.take();
  if (extranonce1 === undefined) {
    session.answers.answer(
      encodeRefusal(line.idText, "unavailable", "This server is full; use another one."),
    );
    session.finish("unavailable");
    return undefined;
  }
  session.agent = request.agent;
  const { sessionId } = session.subscription ?? session.startSubscription(extranonce1);
  const answer = encodeSubscription(line.idText, {
    sessionId,
    extranonce1,
    extranonce2Size: extranonce2Length,
  });
  const job = context.jobs.current;
  // Before the pool's first job there is none to send: it comes when it is there.
  const sendWork = job !== undefined && (isFirst || session.work.canAssign(job.data.number));
  session.answers.answer(sendWork ? answer + session.takeWork(job) : answer);
  return undefined;
}
