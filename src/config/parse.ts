import { resolve } from "node:path";
import { parseAddress } from "../bitcoin/address.ts";
import type { CheckContext, Checked } from "./check.ts";
import { check } from "./check.ts";
import { type Environment, substitute } from "./environment.ts";
import type { Fault, PathPart } from "./faults.ts";
import { pathText } from "./faults.ts";
import { maxFaults, readYaml } from "./read-yaml.ts";
import { checkRules } from "./rules.ts";
import type { Config } from "./schema.ts";
import { schema } from "./schema.ts";

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * Reads a configuration: every fault at once, or one deeply frozen object in which paths are absolute and addresses
 * have their one spelling. Pure: the environment and the folder are given.
 * @param folder Where relative paths start: the folder of the file.
 */
export function parseConfig(source: string, folder: string, environment: Environment): ParsedConfig {
  const yaml = readYaml(source);
  const faults: Fault[] = [...yaml.faults];
  if (faults.length > 0 && yaml.contents === undefined) return { ok: false, faults };
  const report = (path: readonly PathPart[], message: string) => {
    if (faults.length < maxFaults) faults.push({ path: pathText(path), message, line: yaml.lineOf(path) });
  };
  const context: CheckContext = {
    folder,
    root: schema,
    environment,
    dataDirectory: dataDirectoryOf(yaml.contents, folder, environment),
    report,
  };
  const draft = check(schema, yaml.contents, [], context) as Checked<Config> | undefined;
  if (draft !== undefined) checkRules(draft, report);
  return faults.length > 0 ? { ok: false, faults } : { ok: true, config: finished(draft as Config) };
}

/** Needed before the rest, since other folders default to places inside it. */
function dataDirectoryOf(contents: unknown, folder: string, environment: Environment): string {
  const written = contents instanceof Map ? contents.get("dataDirectory") : undefined;
  return resolve(folder, typeof written === "string" ? substitute(written, environment).text : "./data");
}

function finished(config: Config): Config {
  const spelled = (text: string) => {
    const parsed = parseAddress(text, config.chain);
    return parsed.ok ? parsed.address : text;
  };
  const { pool } = config;
  return deepFrozen({
    ...config,
    pool: {
      ...pool,
      address: spelled(pool.address),
      split: pool.split.map((entry) => ({ ...entry, address: spelled(entry.address) })),
    },
  });
}

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFrozen(inner);
    Object.freeze(value);
  }
  return value;
}
