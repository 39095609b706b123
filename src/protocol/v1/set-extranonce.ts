/** mining.set_extranonce [extranonce1, extranonce2 size], to clients that subscribed to it: from their next job on */
import { fromHex } from "../../bitcoin/bytes.ts";
import { Malformed } from "../malformed.ts";
import { hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";

/** A client's view of any pool: sizes differ from pool to pool. */
export interface Extranonce {
  readonly extranonce1: Uint8Array;
  readonly extranonce2Size: number;
}

const maxBytes = 32;

/** @param extranonce1 4 bytes as one number. */
export function encodeSetExtranonce(extranonce1: number, extranonce2Size: number): string {
  const params = `"${hexOfNumber(extranonce1)}",${extranonce2Size}`;
  return `{"id":null,"method":"mining.set_extranonce","params":[${params}]}\n`;
}

export function decodeSetExtranonce(params: readonly Json[]): Extranonce | Malformed {
  const [extranonce1Text, extranonce2Size] = params;
  const extranonce1 = typeof extranonce1Text === "string" ? fromHex(extranonce1Text) : undefined;
  if (extranonce1 === undefined || extranonce1.length > maxBytes)
    return new Malformed("extranonce1 is not hex");
  if (typeof extranonce2Size !== "number" || !Number.isInteger(extranonce2Size)) {
    return new Malformed("the size of extranonce2 is no whole number");
  }
  if (extranonce2Size < 1 || extranonce2Size > maxBytes) {
    return new Malformed(`the size of extranonce2 is not 1 to ${maxBytes}`);
  }
  return { extranonce1, extranonce2Size };
}
