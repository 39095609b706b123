/** client.get_version [] → "name/version", asked of clients */

import { Malformed } from "../malformed.ts";
import type { Json } from "./json.ts";
import { printableName } from "./printable.ts";

/** @param id a number of ours, that the answer bears. */
export function encodeGetVersion(id: number): string {
  return `{"id":${id},"method":"client.get_version","params":[]}\n`;
}

/** @returns what the client calls itself, cut as in mining.subscribe. */
export function decodeVersion(result: Json | undefined): string | Malformed {
  if (typeof result !== "string") return new Malformed("the client's version must be a string");
  return printableName(result);
}
