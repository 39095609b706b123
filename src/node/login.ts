import { readFileSync } from "node:fs";

export interface LoginOptions {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** bitcoind's `.cookie`; it holds a new password after each start of the node. */
  readonly cookieFile?: string | undefined;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface LoginSource {
  /** What to send now; undefined while there is no cookie (the node is down, or refuses us and the error says so). */
  current(): Login | undefined;
  /** Reads the cookie again after a refusal; true when it holds something new, so that trying again makes sense. */
  renew(): boolean;
}

export function openLogin(options: LoginOptions): LoginSource {
  const { cookieFile } = options;
  if (cookieFile === undefined) {
    const fixed = { user: options.user ?? "", password: options.password ?? "" };
    return { current: () => fixed, renew: () => false };
  }
  let known: Login | undefined;
  return {
    current() {
      known ??= readCookie(cookieFile);
      return known;
    },
    renew() {
      const fresh = readCookie(cookieFile);
      const changed = fresh !== undefined && fresh.password !== known?.password;
      known = fresh;
      return changed;
    },
  };
}

/** `__cookie__:password` in one line. */
function readCookie(file: string): Login | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch {
    return undefined; // no node, no cookie: the call without login shows which of the two is missing
  }
  const colon = text.indexOf(":");
  return colon < 1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
