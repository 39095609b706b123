/** mining.set_version_mask [mask], to clients that agreed on version rolling: at once (BIP 310) */

import { Malformed } from "../malformed.ts";
import { hexNumber, hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";

export function encodeSetVersionMask(mask: number): string {
  return `{"id":null,"method":"mining.set_version_mask","params":["${hexOfNumber(mask)}"]}\n`;
}

/** A client's view. */
export function decodeSetVersionMask(params: readonly Json[]): number | Malformed {
  const [text] = params;
  const mask = typeof text === "string" ? hexNumber(text) : -1;
  if (mask < 0) return new Malformed("the pool sent a version mask that is not 1 to 8 hex digits");
  return mask;
}
