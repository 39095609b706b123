import { isIP } from "node:net";
import type { Leaf, Reading } from "./setting.ts";
import { good, leaf, redacted, shown } from "./setting.ts";

export interface ListenAddress {
  /** As `server.listen` takes it: IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

interface Options {
  readonly about: string;
  readonly default?: string;
}

/** Where a server listens: `HOST:PORT`, with IPv6 in brackets. */
export function listenAddress(options: Options): Leaf<ListenAddress> {
  return leaf(options, "HOST:PORT, for example 0.0.0.0:3333 or [::]:3333", parseListen, printListen);
}

function parseListen(written: unknown): Reading<ListenAddress> | undefined {
  if (typeof written !== "string") return undefined;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(written);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  return good({ host: (match[1] ?? match[2])!, port });
}

export function printListen({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address or a network in CIDR notation. */
export interface NetworkAddress {
  readonly address: string;
  readonly prefix: number;
}

export function networkAddress(options: Options): Leaf<NetworkAddress> {
  return leaf(options, "an IP address or a network as 10.0.0.0/8", parseNetwork, printNetwork);
}

function parseNetwork(written: unknown): Reading<NetworkAddress> | undefined {
  const match = typeof written === "string" ? /^([^/]+)(?:\/(\d{1,3}))?$/.exec(written) : null;
  const address = match?.[1] ?? "";
  const bits = { 0: undefined, 4: 32, 6: 128 }[isIP(address)];
  const prefix = match?.[2] === undefined ? bits : Number(match[2]);
  if (bits === undefined || prefix === undefined || prefix > bits) return undefined;
  return good({ address, prefix });
}

export function printNetwork({ address, prefix }: NetworkAddress): string {
  return prefix === (isIP(address) === 4 ? 32 : 128) ? address : `${address}/${prefix}`;
}

/** A node's RPC address. Logins have their own keys, so that they never show up where addresses do. */
export function rpcUrl(options: Options): Leaf<string> {
  return leaf(options, "an http:// or https:// URL", (written) => {
    const url = urlOf(written);
    if (url?.protocol !== "http:" && url?.protocol !== "https:") return undefined;
    if (url.username !== "" || url.password !== "") {
      return { ok: false, wrong: "has a login inside the URL; use the keys user and password beside it" };
    }
    return good(String(written).replace(/\/$/, ""));
  });
}

/** The address of a node's ZMQ publisher. */
export function zmqUrl(options: Options): Leaf<string> {
  return leaf(options, "tcp://HOST:PORT or ipc://PATH", (written) => {
    if (typeof written !== "string") return undefined;
    return /^(tcp:\/\/[^\s/]+:\d{1,5}|ipc:\/\/\S+)$/.test(written) ? good(written) : undefined;
  });
}

/** A server's URL that may carry a login: printed without its password. */
export function serverUrl(
  schemes: readonly string[],
  words: readonly string[],
  options: Options,
): Leaf<string> {
  const forms = [...words, ...schemes.map((scheme) => `${scheme}://…`)];
  const expects = forms.join(", ").replace(/, ([^,]*)$/, " or $1");
  const base = leaf<string>(options, expects, () => undefined, withoutPassword);
  return {
    ...base,
    read: (written) => {
      if (words.includes(String(written))) return good(String(written));
      const url = urlOf(written);
      if (url && schemes.some((scheme) => url.protocol === `${scheme}:`)) return good(String(written));
      // A URL that cannot be read may still hold a password: it is not repeated.
      const what = typeof written === "string" ? "the value" : shown(written);
      return { ok: false, wrong: `${what} is not accepted; expected ${expects}` };
    },
  };
}

/** @returns the password inside a URL as it stands there and decoded; nothing if there is none. */
export function passwordsOf(urlText: string): string[] {
  const password = urlOf(urlText)?.password ?? "";
  if (password === "") return [];
  const decoded = safelyDecoded(password);
  return decoded === password ? [password] : [password, decoded];
}

function withoutPassword(urlText: string): string {
  const url = urlOf(urlText);
  if (!url || url.password === "") return urlText;
  return urlText.replace(`:${url.password}@`, `:${redacted}@`).replace(rawLogin, `$1:${redacted}@`);
}

/** What stands between the scheme and the last @ before the path, where WHATWG and raw spelling differ. */
const rawLogin = /(:\/\/[^:/?#]*):[^/?#]*@/;

function urlOf(written: unknown): URL | undefined {
  if (typeof written !== "string" || /\s/.test(written) || !URL.canParse(written)) return undefined;
  return new URL(written);
}

function safelyDecoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded; // a lone % stands for itself
  }
}
