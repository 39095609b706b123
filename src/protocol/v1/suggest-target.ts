/** mining.suggest_target ["target"] → true; the target is a number of up to 64 hex digits, most significant first */
import { difficultyOf, targetFromDifficulty, targetOf } from "../../bitcoin/target.ts";
import { Malformed } from "../malformed.ts";
import type { Json } from "./json.ts";

const pattern = /^[0-9a-fA-F]{1,64}$/;
/** No chain is as hard as this: whoever asks for less gets this. */
const hardest = 1n << 132n;

/** @returns the difficulty nearest to the target of those that are not harder. */
export function decodeSuggestTarget(params: readonly Json[]): number | Malformed {
  const [text] = params;
  const value = typeof text === "string" && pattern.test(text) ? BigInt(`0x${text}`) : 0n;
  if (value === 0n)
    return new Malformed("the target (1st parameter) must be 1 to 64 hex digits, and not zero");
  const asked = targetOf(value < hardest ? hardest : value);
  const nearest = difficultyOf(asked);
  // The nearest double may be harder; then it is the double before it, to which this product rounds.
  return targetFromDifficulty(nearest).value < asked.value ? nearest * (1 - 2 ** -53) : nearest;
}
