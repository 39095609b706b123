import { Malformed } from "../../protocol/malformed.ts";
import { encodeTrue } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { decodeSuggestDifficulty } from "../../protocol/v1/suggest-difficulty.ts";
import { decodeSuggestTarget } from "../../protocol/v1/suggest-target.ts";
import type { Session } from "./session.ts";

/** More often than this a connection's suggestions change nothing. */
const minIntervalMs = 10_000;

export function suggestDifficulty(session: Session, line: Line): Malformed | undefined {
  return suggest(session, line, decodeSuggestDifficulty(line.params));
}

export function suggestTarget(session: Session, line: Line): Malformed | undefined {
  return suggest(session, line, decodeSuggestTarget(line.params));
}

/**
 * Accepted in any state, within the pool's bounds. Some devices repeat the same suggestion as a sign of life: it does
 * not undo what vardiff has found since.
 */
function suggest(session: Session, line: Line, suggested: number | Malformed): Malformed | undefined {
  if (suggested instanceof Malformed) return suggested;
  session.answers.answer(encodeTrue(line.idText));
  const nowMs = session.context.clock.monotonicMs();
  const isRepeated = session.wishes.suggested === suggested;
  if (isRepeated || nowMs - session.suggestedAtMs < minIntervalMs) return undefined;
  session.suggestedAtMs = nowMs;
  // It is the latest word on where to start; a difficulty that was fixed stays.
  session.wishes = { ...session.wishes, suggested, start: undefined };
  session.reconsider("start");
  return undefined;
}
