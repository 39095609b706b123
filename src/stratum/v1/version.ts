import { Malformed } from "../../protocol/malformed.ts";
import { decodeVersion } from "../../protocol/v1/get-version.ts";
import type { Line } from "../../protocol/v1/line.ts";
import type { Session } from "./session.ts";

/** The answer to client.get_version: from now on it is known what device this is. */
export function takeVersion(session: Session, line: Line): void {
  const agent = decodeVersion(line.result);
  if (agent instanceof Malformed || agent === "" || session.agent !== "") return;
  session.callItself(agent);
}
