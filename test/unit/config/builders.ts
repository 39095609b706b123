import { stringify } from "yaml";
import type { Config, Fault } from "../../../src/config/index.ts";
import { parseConfig } from "../../../src/config/index.ts";

export const folder = "/etc/penstock";
export const mainnetAddress = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
export const testnetAddress = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

/** The least that an operator must write. */
export function minimal(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    chain: "mainnet",
    nodes: [{ rpc: "http://127.0.0.1:8332", cookieFile: "/var/lib/bitcoin/.cookie" }],
    pool: { address: mainnetAddress },
    ...more,
  };
}

export function configOf(
  settings: Record<string, unknown>,
  environment: Record<string, string> = {},
): Config {
  const parsed = parseConfig(stringify(settings), folder, environment);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults, null, 2));
  return parsed.config;
}

export function faultsOf(
  settings: Record<string, unknown> | string,
  environment: Record<string, string> = {},
): readonly Fault[] {
  const source = typeof settings === "string" ? settings : stringify(settings);
  const parsed = parseConfig(source, folder, environment);
  return parsed.ok ? [] : parsed.faults;
}

/** Path and message of the one fault that there should be. */
export function faultOf(settings: Record<string, unknown> | string): string {
  const faults = faultsOf(settings);
  if (faults.length !== 1) throw new Error(`expected one fault, not ${JSON.stringify(faults, null, 2)}`);
  return `${faults[0]!.path}: ${faults[0]!.message}`;
}
