import { Malformed } from "../../protocol/malformed.ts";
import { encodeFalse, encodeTrue } from "../../protocol/v1/answer.ts";
import { decodeAuthorize } from "../../protocol/v1/authorize.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { decodePassword, type PasswordOptions } from "../../protocol/v1/password.ts";
import { splitUserName } from "../../protocol/v1/user-name.ts";
import { difficultyOfHashrate } from "../difficulty.ts";
import type { Wishes } from "../difficulty-bounds.ts";
import type { Session } from "./session.ts";
import type { Worker } from "./workers.ts";

/** Several workers may be authorized on one connection; a name that already is stays so. */
export function authorize(session: Session, line: Line): Malformed | undefined {
  const request = decodeAuthorize(line.params);
  if (request instanceof Malformed) return request;
  const isFirst = session.workers.size === 0;
  const admitted = session.workers.get(request.user) ?? admit(session, request.user);
  const isRefused = typeof admitted === "string";
  session.context.metrics.authorizeAnswered(isRefused ? "false" : "true");
  session.answers.answer(
    isRefused ? encodeFalse(line.idText, "unauthorized", admitted) : encodeTrue(line.idText),
  );
  if (!isRefused) begin(session, admitted, decodePassword(request.password), isFirst);
  return undefined;
}

/** Longer than any address with any worker's name, however it is escaped. */
const maxUserLength = 512;

/** @returns the sentence that says why not. */
function admit(session: Session, user: string): Worker | string {
  const { context, workers } = session;
  if (user.length > maxUserLength) return `The user name is longer than ${maxUserLength} characters.`;
  const { userNameBytes, name } = session.profile;
  if (Buffer.byteLength(user) > userNameBytes) {
    return `This device (${name}) handles user names of up to ${userNameBytes} bytes; shorten the worker's name.`;
  }
  const { address, worker } = splitUserName(user);
  const parsed = context.addresses.read(address);
  if (!parsed.ok) return `${parsed.sentence} The user name must be ADDRESS or ADDRESS.worker.`;
  if (workers.size >= context.limits.workersPerConnection)
    return "There are too many workers on this connection.";
  if (context.counts.workers >= context.limits.workers) return "There are too many workers on this server.";
  const payee = workers.first?.account ?? parsed.address;
  if (session.port.scheme === "solo" && payee !== parsed.address) {
    return "This connection mines solo for another address; connect anew for this one.";
  }
  // Copies: a part of a line would keep the whole line in memory.
  const added = { account: copy(parsed.address), worker: copy(worker) };
  workers.add(copy(user), added);
  context.counts.workers += 1;
  return added;
}

function copy(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}

/** What is known of this worker, or asked for with its password, is where it starts. */
function begin(session: Session, worker: Worker, password: PasswordOptions, isFirst: boolean): void {
  const asked = {
    fixed: password.difficulty,
    start: password.startDifficulty ?? startFor(session, password.terahashes),
    minimum: password.minimumDifficulty,
  };
  const hasWishes = Object.values(asked).some((wish) => wish !== undefined);
  if (hasWishes) wish(session, asked);
  if (isFirst) session.startWhereItWas(worker);
  // Solo: there was nothing to send before it was known for whom. And some devices wait for their version mask.
  if (isFirst && session.owesWorkNow) session.sendWork();
}

/** Who repeats its authorization as a sign of life does not undo what vardiff has found since. */
function wish(session: Session, asked: Pick<Wishes, "fixed" | "start" | "minimum">): void {
  const { wishes } = session;
  const { fixed = wishes.fixed, start = wishes.start, minimum = wishes.minimum } = asked;
  if (fixed === wishes.fixed && start === wishes.start && minimum === wishes.minimum) return;
  session.wishes = { ...wishes, fixed, start, minimum };
  session.reconsider(asked.fixed === undefined && asked.start === undefined ? "here" : "start");
}

function startFor(session: Session, terahashes: number | undefined): number | undefined {
  if (terahashes === undefined) return undefined;
  return difficultyOfHashrate(terahashes * 1e12, session.port.difficulty.sharesPerMinute);
}
