import { PoolError } from "../errors.ts";
import { decodeAuthorityKey } from "../protocol/v2/noise/authority-key.ts";

export type PoolAddress =
  | { readonly protocol: "v1"; readonly host: string; readonly port: number }
  | {
      readonly protocol: "v2";
      readonly host: string;
      readonly port: number;
      /** 32 bytes: who the pool has to be. */
      readonly authorityKey: Uint8Array;
    };

const defaultPort = 3333;
const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;

/**
 * `stratum+tcp://HOST[:PORT]`, whose scheme may be missing, or `stratum2+tcp://HOST[:PORT]/KEY`.
 * @throws PoolError MINER_URL_INVALID, MINER_KEY_INVALID
 */
export function parsePoolUrl(text: string): PoolAddress {
  const [, scheme = "tcp", place, key] = /^(?:([a-z0-9+]+):\/\/)?([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
  const [, host, portText = defaultPort] = hostAndPort.exec(place ?? "") ?? [];
  const port = Number(portText);
  if (host === undefined || port < 1 || port > 65_535) throw notAnAddress(text);
  const address = { host: host.replace(/^\[|\]$/g, ""), port };
  if (scheme === "stratum2+tcp") return { protocol: "v2", ...address, authorityKey: keyOf(text, key) };
  if (!/^(?:stratum\+)?tcp$/.test(scheme) || key) throw notAnAddress(text);
  return { protocol: "v1", ...address };
}

function keyOf(url: string, text: string | undefined): Uint8Array {
  if (!text) throw noKey(`"${url}" has none`);
  const key = decodeAuthorityKey(text);
  if (key === undefined) throw noKey(`"${text}" is none, a character is wrong, missing or too many`);
  return key;
}

function notAnAddress(text: string): PoolError {
  return new PoolError(
    "MINER_URL_INVALID",
    `"${text}" is not the address of a Stratum port.`,
    "Write --url stratum+tcp://HOST:PORT, or stratum2+tcp://HOST:PORT/KEY for Stratum V2.",
  );
}

function noKey(why: string): PoolError {
  return new PoolError(
    "MINER_KEY_INVALID",
    `An address of Stratum V2 ends with the pool's key: ${why}.`,
    "Write --url stratum2+tcp://HOST:PORT/KEY; the pool's operator publishes KEY, `penstock v2 key` prints it.",
  );
}
