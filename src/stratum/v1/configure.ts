import { Malformed } from "../../protocol/malformed.ts";
import { decodeConfigure, encodeConfiguration } from "../../protocol/v1/configure.ts";
import type { Line } from "../../protocol/v1/line.ts";
import type { Session } from "./session.ts";

/** BIP 310; a second request replaces what the first one agreed on. */
export function configure(session: Session, line: Line): Malformed | undefined {
  const request = decodeConfigure(line.params);
  if (request instanceof Malformed) return request;
  const { versionMask, minimumDifficulty } = request;
  session.versionMask =
    versionMask === undefined ? undefined : (versionMask & session.context.versionMask) >>> 0;
  // It rests on the mask agreed on before.
  session.forgetGrants();
  const asksMinimum = request.extensions.includes("minimum-difficulty");
  // 0 takes back what was asked before.
  if (minimumDifficulty !== undefined) {
    session.wishes = { ...session.wishes, minimum: minimumDifficulty === 0 ? undefined : minimumDifficulty };
  }
  const inForce = asksMinimum ? session.difficultyToTell() : undefined;
  if (inForce !== undefined) session.wishes = { ...session.wishes, told: inForce };
  session.answers.answer(
    encodeConfiguration(line.idText, request, {
      versionMask: session.versionMask,
      minimumDifficulty: inForce,
      subscribeExtranonce: true,
      info: true,
    }),
  );
  session.reconsider("here");
  return undefined;
}
