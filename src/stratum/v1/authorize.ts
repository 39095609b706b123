import { parseAddress } from "../../bitcoin/address.ts";
import { encodeFalse, encodeTrue } from "../../protocol/v1/answer.ts";
import { decodeAuthorize } from "../../protocol/v1/authorize.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { Malformed } from "../../protocol/v1/malformed.ts";
import { splitUserName } from "../../protocol/v1/user-name.ts";
import type { Session } from "./session.ts";

/** Several workers may be authorized on one connection; a name that already is stays so. */
export function authorize(session: Session, line: Line): Malformed | undefined {
  const request = decodeAuthorize(line.params);
  if (request instanceof Malformed) return request;
  const problem = admit(session, request.user);
  session.context.metrics.authorizeAnswered(problem === undefined ? "true" : "false");
  session.answers.answer(
    problem === undefined ? encodeTrue(line.idText) : encodeFalse(line.idText, "unauthorized", problem),
  );
  return undefined;
}

/** Longer than any address with any worker's name, however it is escaped. */
const maxUserLength = 512;

/** @returns the sentence that says why not. */
function admit(session: Session, user: string): string | undefined {
  const { context, workers } = session;
  if (workers.has(user)) return undefined;
  if (user.length > maxUserLength) return `The user name is longer than ${maxUserLength} characters.`;
  const { address, worker } = splitUserName(user);
  const parsed = parseAddress(address, context.chain);
  if (!parsed.ok) return `${parsed.sentence} The user name must be ADDRESS or ADDRESS.worker.`;
  if (workers.size >= context.limits.workersPerConnection)
    return "There are too many workers on this connection.";
  if (context.counts.workers >= context.limits.workers) return "There are too many workers on this server.";
  // Copies: a part of a line would keep the whole line in memory.
  workers.set(copy(user), { account: copy(parsed.address), worker: copy(worker) });
  context.counts.workers += 1;
  return undefined;
}

function copy(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
