/**
 * Answers: one line with exactly `id`, `result` and `error`, all three always present, since some clients insist on
 * `"error":null` in a success. An error is `[code, "reason: sentence", null]`.
 */
import type { Reason } from "../reasons.ts";
import { reasonNames, reasons } from "../reasons.ts";
import type { Json } from "./json.ts";
import type { Line } from "./line.ts";

/** What follows the id in the answer to an accepted share, and in no answer else. */
export const acceptedTail = ',"result":true,"error":null}\n';
const refusalTails = new Map<Reason, string>(
  reasonNames.map((reason) => [reason, refusalTail("null", reason)]),
);

/** @param idText the request's id as JSON text. */
export function encodeTrue(idText: string): string {
  return `{"id":${idText}${acceptedTail}`;
}

/** Answers in which what was accepted is refused after all, by this reason. */
export function refuseAccepted(answers: string, reason: Reason): string {
  return answers.replaceAll(acceptedTail, () => refusalTails.get(reason)!);
}

/** @param resultText the result as JSON text. */
export function encodeResult(idText: string, resultText: string): string {
  return `{"id":${idText},"result":${resultText},"error":null}\n`;
}

/** @param detail replaces the reason's own sentence where more is known. */
export function encodeRefusal(idText: string, reason: Reason, detail?: string): string {
  const tail = detail === undefined ? refusalTails.get(reason) : refusalTail("null", reason, detail);
  return `{"id":${idText}${tail}`;
}

/** As `encodeRefusal`, with the result false instead of null: what `mining.authorize` answers. */
export function encodeFalse(idText: string, reason: Reason, detail?: string): string {
  return `{"id":${idText}${refusalTail("false", reason, detail)}`;
}

export function encodeMethodNotFound(idText: string): string {
  return `{"id":${idText},"result":null,"error":[-3,"Method not found",null]}\n`;
}

/** What follows the id in a refusal. */
export function refusalTail(resultText: string, reason: Reason, detail?: string): string {
  const { v1Code, sentence } = reasons[reason];
  return `,"result":${resultText},"error":[${v1Code},${JSON.stringify(`${reason}: ${detail ?? sentence}`)},null]}\n`;
}

/** An answer as a client sees it. */
export interface Answer {
  readonly result: Json | undefined;
  /** Code and text of the error; undefined for a success. */
  readonly error: { readonly code: number; readonly text: string } | undefined;
}

/** Pools write errors as arrays, objects or plain text: all are read. */
export function decodeAnswer(line: Line): Answer {
  const { result, error } = line;
  if (error === undefined || error === null) return { result, error: undefined };
  if (Array.isArray(error)) return { result, error: { code: Number(error[0]), text: String(error[1]) } };
  if (error instanceof Map) {
    return { result, error: { code: Number(error.get("code")), text: String(error.get("message")) } };
  }
  return { result, error: { code: 20, text: String(error) } };
}
