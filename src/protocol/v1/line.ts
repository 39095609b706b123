/**
 * One line of Stratum V1: a JSON object, which is a request (`method` is set) or an answer (`result` or `error` is).
 * Both sides send both: clients answer what a server asks of them, and some answer its notifications too. Keys that are not named here are ignored; of a key that comes twice the last one counts, as everywhere.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { Malformed } from "../malformed.ts";
import type { Json } from "./json.ts";
import { JsonReader, JsonRefusal } from "./json.ts";

export interface Line {
  /** The sender's id as it wrote it, for the answer; "null" if it sent none. */
  readonly idText: string;
  readonly method: string | undefined;
  readonly params: readonly Json[];
  readonly result: Json | undefined;
  readonly error: Json | undefined;
}

/** Longest id that is given back, in characters of JSON text. */
export const maxIdLength = 64;
/** Deepest nesting of a line when nothing else is configured; the line's own object is level 1. */
export const defaultMaxDepth = 8;

const noParams: readonly Json[] = [];

/** @param bytes one line without its newline; its length is the caller's to bound. Never throws. */
export function readLine(bytes: Buffer, maxDepth = defaultMaxDepth): Line | Malformed {
  const text = textOf(bytes);
  if (text === undefined) return new Malformed("the line is not UTF-8");
  const found = new Members();
  try {
    found.read(new JsonReader(text, maxDepth));
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    return new Malformed(`the line is not a JSON object: ${error.message}`);
  }
  return found.checked();
}

/** True for the answer to a request, or to a notification, of ours: it wants none itself. */
export function isAnswer({ method, result, error }: Line): boolean {
  return method === undefined && (result !== undefined || error !== undefined);
}

/** True for a line of white space only: clients send empty lines as a sign of life. */
export function isBlank(bytes: Buffer): boolean {
  if (bytes.length > 16) return false;
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

function textOf(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString("latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/** The members that matter, before their types are checked. */
class Members {
  idText = "null";
  method: Json | undefined;
  params: Json | undefined;
  result: Json | undefined;
  error: Json | undefined;

  read(reader: JsonReader): void {
    if (!reader.startsObject()) throw new JsonRefusal('it must begin with "{"');
    reader.members((key) => this.#member(key, reader));
    reader.end();
  }

  #member(key: string, reader: JsonReader): void {
    const start = reader.position;
    const value = reader.value();
    if (key === "id") this.idText = reader.text.slice(start, reader.position);
    else if (key === "method") this.method = value;
    else if (key === "params") this.params = value;
    else if (key === "result") this.result = value;
    else if (key === "error") this.error = value;
  }

  checked(): Line | Malformed {
    const { idText, method, params, result, error } = this;
    if (idText.length > maxIdLength) return new Malformed(`the id is longer than ${maxIdLength} characters`);
    if (method !== undefined && typeof method !== "string")
      return new Malformed("method must be a string", idText);
    if (params === undefined || params === null) return { idText, method, params: noParams, result, error };
    if (!Array.isArray(params)) return new Malformed("params must be an array", idText);
    return { idText, method, params, result, error };
  }
}
