/** mining.set_difficulty [difficulty], to clients */

import { Malformed } from "../malformed.ts";
import type { Json } from "./json.ts";

/** The shortest decimal that reads back as the very same double: both sides compute the same target from it. */
export function encodeSetDifficulty(difficulty: number): string {
  return `{"id":null,"method":"mining.set_difficulty","params":[${difficulty}]}\n`;
}

/** A client's view. */
export function decodeSetDifficulty(params: readonly Json[]): number | Malformed {
  const [difficulty] = params;
  if (typeof difficulty !== "number" || !Number.isFinite(difficulty) || difficulty <= 0) {
    return new Malformed("the pool sent a difficulty that is no positive number");
  }
  return difficulty;
}
