import { PoolError } from "../errors.ts";

export interface PoolAddress {
  readonly host: string;
  readonly port: number;
}

const defaultPort = 3333;

/**
 * `stratum+tcp://HOST[:PORT]`; the scheme may be missing.
 * @throws PoolError MINER_URL_INVALID
 */
export function parsePoolUrl(text: string): PoolAddress {
  const match = /^(?:(?:stratum\+)?tcp:\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(
    text,
  );
  const port = Number(match?.[2] ?? defaultPort);
  if (match === null || port < 1 || port > 65_535) {
    throw new PoolError(
      "MINER_URL_INVALID",
      `"${text}" is not the address of a Stratum port.`,
      "Write --url stratum+tcp://HOST:PORT.",
    );
  }
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}
