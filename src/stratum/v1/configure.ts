import { decodeConfigure, encodeConfiguration } from "../../protocol/v1/configure.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { Malformed } from "../../protocol/v1/malformed.ts";
import type { Session } from "./session.ts";

/** BIP 310; a second request replaces what the first one agreed on. */
export function configure(session: Session, line: Line): Malformed | undefined {
  const request = decodeConfigure(line.params);
  if (request instanceof Malformed) return request;
  const { versionMask } = request;
  session.versionMask =
    versionMask === undefined ? undefined : (versionMask & session.context.versionMask) >>> 0;
  // It rests on the mask agreed on before.
  session.lane?.forget();
  session.answers.answer(encodeConfiguration(line.idText, request, { versionMask: session.versionMask }));
  return undefined;
}
