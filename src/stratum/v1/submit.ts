import type { LiveJob } from "../../jobs/live-jobs.ts";
import type { Reason } from "../../protocol/reasons.ts";
import { encodeRefusal, encodeTrue, refuseAccepted } from "../../protocol/v1/answer.ts";
import { decodeJobId, type JobId } from "../../protocol/v1/job-id.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { Malformed } from "../../protocol/v1/malformed.ts";
import type { Submit } from "../../protocol/v1/submit.ts";
import { decodeSubmit } from "../../protocol/v1/submit.ts";
import type { Run } from "../../shares/native-intake.ts";
import { countShare } from "../vardiff.ts";
import type { Assignment } from "../work-history.ts";
import type { Session, Worker } from "./session.ts";

const nobody: Worker = { account: "", worker: "" };

/** The hot path. A submission whose job is known is always judged, whoever sent it: it may hold a block. */
export function submit(session: Session, line: Line): Malformed | undefined {
  const request = decodeSubmit(line.params);
  if (request instanceof Malformed) {
    session.context.metrics.submissionRefused("malformed");
    return request;
  }
  const { subscription } = session;
  if (subscription === undefined) {
    refuse(session, line, "not-subscribed");
    return undefined;
  }
  const id = decodeJobId(request.jobId);
  const assignment = id && session.work.inForce(id);
  const job = id && session.context.jobs.get(id.number);
  if (id === undefined || assignment === undefined || job === undefined) {
    refuse(session, line, "job-not-found");
    return undefined;
  }
  judge(session, line.idText, request, subscription.extranonce1, job, assignment);
  grant(session, id, request.user, subscription.extranonce1, job, assignment);
  return undefined;
}

/** What was let through to the judge once may go there directly, for as long as nothing changes. */
function grant(
  session: Session,
  id: JobId,
  user: string,
  extranonce1: number,
  job: LiveJob,
  assignment: Assignment,
): void {
  const { lane, tips } = session;
  const worker = session.workers.get(user);
  // Jobs of an earlier tip become stale by the clock.
  if (lane === undefined || worker === undefined || !tips.isNewest(job.data.tipNumber)) return;
  lane.grant({
    id,
    job,
    assignment,
    extranonce1,
    versionMask: versionMaskOf(session),
    user,
    ...worker,
    scheme: "pplns",
  });
}

/** Submissions that native code took and judged: what is left of them is to answer. */
export function takeRun(session: Session, run: Run): ((durable: boolean) => void) | undefined {
  const { answers } = session;
  const { accepted, assignment } = run;
  if (assignment === undefined) {
    answers.answer(run.answers, run.submissions);
    return undefined;
  }
  const pending = answers.reserve(run.submissions);
  return (durable) => {
    // The caller answers many sessions in a row: none of them may stop it.
    try {
      if (durable && session.vardiff !== undefined)
        countShare(session.vardiff, assignment.difficulty * accepted);
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
  session.context.metrics.submissionRefused(reason);
  session.answers.answer(encodeRefusal(line.idText, reason));
}

function judge(
  session: Session,
  idText: string,
  request: Submit,
  extranonce1: number,
  job: LiveJob,
  { target, difficulty }: Assignment,
): void {
  const { context, answers } = session;
  const worker = session.workers.get(request.user);
  const { account, worker: name } = worker ?? nobody;
  const pending = answers.reserve();
  context.shares.submit(
    {
      job,
      extranonce1,
      extranonce2: request.extranonce2,
      ntime: request.ntime,
      nonce: request.nonce,
      versionBits: request.versionBits,
      versionMask: versionMaskOf(session),
      target,
      stale: session.tips.isStale(job.data.tipNumber, context.clock.monotonicMs(), context.staleGraceMs),
      refusal: worker === undefined ? "unauthorized" : undefined,
      account,
      worker: name,
      protocol: "v1",
      scheme: "pplns",
    },
    (refusal) => {
      // The caller answers many sessions in a row: none of them may stop it.
      try {
        if (refusal === undefined && session.vardiff !== undefined) countShare(session.vardiff, difficulty);
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
