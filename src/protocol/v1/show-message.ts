/** client.show_message [text], to clients, which show it to a person if they can */
import type { Json } from "./json.ts";
import { printable } from "./printable.ts";

const maxTextLength = 256;

/** Cut to 256 printable ASCII characters: displays are small. */
export function encodeShowMessage(text: string): string {
  const shown = JSON.stringify(printable(text, maxTextLength));
  return `{"id":null,"method":"client.show_message","params":[${shown}]}\n`;
}

/** A client's view, "" if the pool sent no text. */
export function decodeShowMessage(params: readonly Json[]): string {
  const [text] = params;
  return typeof text === "string" ? printable(text, maxTextLength) : "";
}
