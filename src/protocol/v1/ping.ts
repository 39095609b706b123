/**
 * mining.ping [] → "pong", from either side.
 *
 * Some firmware answers a ping with a request of its own, `pong` or `mining.pong`, that bears the ping's id. It wants
 * no answer: the client would take that for the answer to whatever it asked under the same number.
 */
import { encodeResult } from "./answer.ts";

/** @param id a number of ours, that the answer or the `pong` bears. */
export function encodePing(id: number): string {
  return `{"id":${id},"method":"mining.ping","params":[]}\n`;
}

export function encodePong(idText: string): string {
  return encodeResult(idText, '"pong"');
}

/** True for the request that is an answer to our ping. */
export function isPong(method: string): boolean {
  return method === "pong" || method === "mining.pong";
}
