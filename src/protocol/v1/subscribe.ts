/** mining.subscribe [agent?, session id?, …] → [[[name, subscription id]…], extranonce1, extranonce2 size] */
import { fromHex } from "../../bitcoin/bytes.ts";
import { encodeResult } from "./answer.ts";
import { hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";
import { Malformed } from "./malformed.ts";

export interface Subscribe {
  /** What the client calls itself, cut to 128 printable ASCII characters; "" if it does not say. */
  readonly agent: string;
  /** Of an earlier session that the client would like to take up again. */
  readonly sessionId: string | undefined;
}

export interface Subscription {
  readonly sessionId: string;
  /** 4 bytes as one number. */
  readonly extranonce1: number;
  readonly extranonce2Size: number;
}

const maxAgentLength = 128;

export function decodeSubscribe(params: readonly Json[]): Subscribe | Malformed {
  const [agent = null, sessionId = null] = params;
  if (agent !== null && typeof agent !== "string") {
    return new Malformed("the client's name (1st parameter) must be a string");
  }
  if (sessionId !== null && typeof sessionId !== "string") {
    return new Malformed("the session id (2nd parameter) must be a string");
  }
  return {
    agent: (agent ?? "").slice(0, maxAgentLength).replace(/[^\x20-\x7e]/g, "_"),
    sessionId: sessionId ?? undefined,
  };
}

/** @param sessionId plain hex digits. */
export function encodeSubscription(
  idText: string,
  { sessionId, extranonce1, extranonce2Size }: Subscription,
): string {
  const names = `[["mining.set_difficulty","${sessionId}"],["mining.notify","${sessionId}"]]`;
  return encodeResult(idText, `[${names},"${hexOfNumber(extranonce1)}",${extranonce2Size}]`);
}

export function encodeSubscribe(id: number, agent: string): string {
  return `${JSON.stringify({ id, method: "mining.subscribe", params: [agent] })}\n`;
}

/** A client's view of any pool's answer: sizes differ from pool to pool. */
export function decodeSubscription(
  result: Json | undefined,
): { readonly extranonce1: Uint8Array; readonly extranonce2Size: number } | Malformed {
  if (!Array.isArray(result)) return new Malformed("the subscription is no array");
  const [, extranonce1Text, extranonce2Size] = result as readonly Json[];
  const extranonce1 = typeof extranonce1Text === "string" ? fromHex(extranonce1Text) : undefined;
  if (extranonce1 === undefined || extranonce1.length > 32) return new Malformed("extranonce1 is not hex");
  if (typeof extranonce2Size !== "number" || !Number.isInteger(extranonce2Size)) {
    return new Malformed("the size of extranonce2 is no whole number");
  }
  if (extranonce2Size < 1 || extranonce2Size > 32)
    return new Malformed("the size of extranonce2 is not 1 to 32");
  return { extranonce1, extranonce2Size };
}
