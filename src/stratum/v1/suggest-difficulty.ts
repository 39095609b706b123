import { encodeTrue } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { Malformed } from "../../protocol/v1/malformed.ts";
import { decodeSuggestDifficulty } from "../../protocol/v1/suggest-difficulty.ts";
import { clamp, powerOfTwoAtLeast } from "../difficulty.ts";
import type { Session } from "./session.ts";

/** More often than this a connection's suggestions change nothing. */
const minIntervalMs = 10_000;

/**
 * Accepted in any state, within the pool's bounds. Some devices repeat the same suggestion as a sign of life: it does
 * not undo what vardiff has found since.
 */
export function suggestDifficulty(session: Session, line: Line): Malformed | undefined {
  const suggested = decodeSuggestDifficulty(line.params);
  if (suggested instanceof Malformed) return suggested;
  session.answers.answer(encodeTrue(line.idText));
  const { clock, difficulty } = session.context;
  const previous = session.suggestion;
  const atMs = clock.monotonicMs();
  if (previous !== undefined && (previous.difficulty === suggested || atMs - previous.atMs < minIntervalMs)) {
    return undefined;
  }
  session.suggestion = { difficulty: suggested, atMs };
  // Rental proxies round targets to powers of two.
  const inBounds = clamp(suggested, difficulty.min, difficulty.max);
  session.want(clamp(powerOfTwoAtLeast(inBounds), difficulty.min, difficulty.max));
  return undefined;
}
