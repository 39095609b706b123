/** mining.authorize [user, password?] → true, or false with the reason */
import type { Json } from "./json.ts";
import { Malformed } from "./malformed.ts";

export interface Authorize {
  readonly user: string;
}

/** The password means nothing to this pool and is not kept. */
export function decodeAuthorize(params: readonly Json[]): Authorize | Malformed {
  const [user] = params;
  if (typeof user !== "string") return new Malformed("the user name (1st parameter) must be a string");
  return { user };
}

export function encodeAuthorize(id: number, user: string, password: string): string {
  return `${JSON.stringify({ id, method: "mining.authorize", params: [user, password] })}\n`;
}
