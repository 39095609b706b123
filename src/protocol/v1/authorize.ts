/** mining.authorize [user, password?] → true, or false with the reason */

import { Malformed } from "../malformed.ts";
import type { Json } from "./json.ts";

export interface Authorize {
  readonly user: string;
  /** No secret: it can carry options, see password.ts. "" when there is none. */
  readonly password: string;
}

export function decodeAuthorize(params: readonly Json[]): Authorize | Malformed {
  const [user, password] = params;
  if (typeof user !== "string") return new Malformed("the user name (1st parameter) must be a string");
  return { user, password: typeof password === "string" ? password : "" };
}

export function encodeAuthorize(id: number, user: string, password: string): string {
  return `${JSON.stringify({ id, method: "mining.authorize", params: [user, password] })}\n`;
}
