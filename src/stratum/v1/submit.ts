import type { LiveJob } from "../../jobs/live-jobs.ts";
import { Malformed } from "../../protocol/malformed.ts";
import type { Reason } from "../../protocol/reasons.ts";
import { encodeRefusal, encodeTrue, refuseAccepted } from "../../protocol/v1/answer.ts";
import { decodeJobId, type JobId } from "../../protocol/v1/job-id.ts";
import type { Line } from "../../protocol/v1/line.ts";
import type { Submit } from "../../protocol/v1/submit.ts";
import { decodeSubmit } from "../../protocol/v1/submit.ts";
import type { LineRun } from "../../shares/line-lane.ts";
import type { Channel } from "../channel.ts";
import type { Assignment } from "../work-history.ts";
import type { Session } from "./session.ts";
import type { Worker } from "./workers.ts";

const nobody: Worker = { account: "", worker: "" };

/** The hot path. A submission whose job is known is always judged, whoever sent it: it may hold a block. */
export function submit(session: Session, line: Line): Malformed | undefined {
  const request = decodeSubmit(line.params);
  if (request instanceof Malformed) {
    session.context.metrics.submissionRefused("v1", "malformed");
    session.conduct.refused("malformed", 1);
    return request;
  }
  const { channel } = session;
  if (channel === undefined) {
    refuse(session, line, "not-subscribed");
    return undefined;
  }
  const id = decodeJobId(request.jobId);
  const assignment = id && channel.inForce(id);
  const job = assignment && session.context.jobs.get(id.number);
  const work = job && session.workOn(job);
  if (work === undefined) {
    refuse(session, line, "job-not-found");
    return undefined;
  }
  const worker = workerOf(session, request.user);
  judge(session, line.idText, request, channel, work, assignment!, worker);
  if (worker !== undefined) grant(session, id!, request.user, channel, work, assignment!, worker);
  return undefined;
}

function workerOf({ workers, profile }: Session, user: string): Worker | undefined {
  const worker = workers.get(user);
  const isCut = worker === undefined && user.length === profile.userNameCut;
  return isCut ? workers.beginningWith(user) : worker;
}

/** What was let through to the judge once may go there directly, for as long as nothing changes. */
function grant(
  session: Session,
  id: JobId,
  user: string,
  channel: Channel,
  job: LiveJob,
  assignment: Assignment,
  worker: Worker,
): void {
  // Jobs of an earlier tip become stale by the clock.
  if (!channel.isOnNewestTip(job)) return;
  const versionMask = versionMaskOf(session);
  const { extranonce1 } = channel;
  const { scheme } = session.port;
  session.lane?.grant({ id, job, assignment, extranonce1, versionMask, user, scheme, ...worker });
}

/** Whose block it is when nobody is known by the name: a solo job pays the connection's first account, whoever asks. */
function ownerOf({ port, workers }: Session): Worker {
  const { first } = workers;
  return port.scheme === "solo" && first !== undefined ? { ...first, worker: "" } : nobody;
}

/** Submissions that native code took and judged: what is left of them is to answer. */
export function takeRun(session: Session, run: LineRun): ((durable: boolean) => void) | undefined {
  const { answers } = session;
  const { accepted, assignment } = run;
  for (const { reason, submissions } of run.refused) session.conduct.refused(reason, submissions);
  if (assignment === undefined) {
    for (const { reason, submissions } of run.refused) session.conduct.blame(reason, submissions);
    answers.answer(run.answers, run.submissions);
    return undefined;
  }
  const pending = answers.reserve(run.submissions);
  return (durable) => {
    // The caller answers many sessions in a row: none of them may stop it.
    try {
      if (durable) session.sharesAccepted(assignment.difficulty * accepted);
      else session.conduct.refused("unavailable", accepted);
      answers.settle(pending, durable ? run.answers : refuseAccepted(run.answers, "unavailable"));
      if (!durable) session.finish("unavailable");
      session.answered();
    } catch (error) {
      session.failed(error);
    }
  };
}

function versionMaskOf(session: Session): number {
  return session.versionMask ?? session.context.versionMask;
}

function refuse(session: Session, line: Line, reason: Reason): void {
  session.context.metrics.submissionRefused("v1", reason);
  session.conduct.refused(reason, 1);
  session.conduct.blame(reason, 1);
  session.answers.answer(encodeRefusal(line.idText, reason));
}

function judge(
  session: Session,
  idText: string,
  request: Submit,
  channel: Channel,
  job: LiveJob,
  { target, difficulty }: Assignment,
  worker: Worker | undefined,
): void {
  const { context, answers } = session;
  const { account, worker: name } = worker ?? ownerOf(session);
  const pending = answers.reserve();
  context.shares.submit(
    {
      job,
      extranonce1: channel.extranonce1,
      extranonce2: request.extranonce2,
      ntime: request.ntime,
      ntimeMin: 0,
      nonce: request.nonce,
      version: { kind: "bits", bits: request.versionBits ?? 0 },
      versionMask: versionMaskOf(session),
      target,
      stale: channel.isStale(job),
      refusal: worker === undefined ? "unauthorized" : undefined,
      account,
      worker: name,
      protocol: "v1",
      scheme: session.port.scheme,
    },
    (refusal) => {
      // The caller answers many sessions in a row: none of them may stop it.
      try {
        if (refusal === undefined) session.sharesAccepted(difficulty);
        else {
          session.conduct.refused(refusal, 1);
          session.conduct.blame(refusal, 1);
        }
        answers.settle(pending, refusal === undefined ? encodeTrue(idText) : encodeRefusal(idText, refusal));
        // A pool that cannot store shares sends its miners to their backup.
        if (refusal === "unavailable") session.finish("unavailable");
        session.answered();
      } catch (error) {
        session.failed(error);
      }
    },
  );
}
