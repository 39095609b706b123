/** mining.subscribe [agent?, session id?, …] → [[[name, subscription id]…], extranonce1, extranonce2 size] */

import { Malformed } from "../malformed.ts";
import { encodeResult } from "./answer.ts";
import { hexOfNumber } from "./hex.ts";
import type { Json } from "./json.ts";
import { printableName } from "./printable.ts";
import type { Extranonce } from "./set-extranonce.ts";
import { decodeSetExtranonce } from "./set-extranonce.ts";

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

const maxSessionIdLength = 64;

/** Whatever the parameters: to a client that says nothing of itself, or says it oddly, work can be sent all the same. */
export function decodeSubscribe(params: readonly Json[]): Subscribe {
  const [agent, sessionId] = params;
  return {
    agent: printableName(agent),
    sessionId: typeof sessionId === "string" && isSessionId(sessionId) ? sessionId : undefined,
  };
}

function isSessionId(text: string): boolean {
  return text.length > 0 && text.length <= maxSessionIdLength;
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

/** A client's view. */
export function decodeSubscription(result: Json | undefined): Extranonce | Malformed {
  if (!Array.isArray(result)) return new Malformed("the subscription is no array");
  return decodeSetExtranonce(result.slice(1));
}
