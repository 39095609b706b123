/** mining.suggest_difficulty [difficulty] → true */

import { Malformed } from "../malformed.ts";
import { finiteNumber } from "./decimal.ts";
import type { Json } from "./json.ts";

/** @returns a positive, finite number. */
export function decodeSuggestDifficulty(params: readonly Json[]): number | Malformed {
  const difficulty = finiteNumber(params[0]);
  if (difficulty === undefined || difficulty === 0) {
    return new Malformed("the difficulty (1st parameter) must be a positive number");
  }
  return difficulty;
}
