import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PoolError } from "../errors.ts";
import { type Environment, processEnvironment } from "./environment.ts";
import { faultsText } from "./faults.ts";
import type { ParsedConfig } from "./parse.ts";
import { parseConfig } from "./parse.ts";
import { maxFileBytes } from "./read-yaml.ts";
import type { Config } from "./schema.ts";

/**
 * Absolute path of the configuration file.
 * @param file As given on the command line; else PENSTOCK_CONFIG, else penstock.yaml in the working directory.
 */
export function configFileOf(file?: string, environment: Environment = processEnvironment()): string {
  return resolve(file ?? (environment["PENSTOCK_CONFIG"] || "penstock.yaml"));
}

/**
 * @throws PoolError CONFIG_INVALID with every fault, one a line; CONFIG_NOT_FOUND or CONFIG_UNREADABLE if there is no
 * such file or it cannot be read.
 */
export async function loadConfig(file?: string, environment?: Environment): Promise<Config> {
  const parsed = await readConfig(file, environment);
  if (parsed.ok) return parsed.config;
  throw new PoolError(
    "CONFIG_INVALID",
    faultsText(configFileOf(file, environment), parsed.faults),
    "Every setting is described in docs/configuration.md.",
  );
}

/** The same, with the faults as data. */
export async function readConfig(
  file?: string,
  environment: Environment = processEnvironment(),
): Promise<ParsedConfig> {
  const path = configFileOf(file, environment);
  return parseConfig(await readSource(path), dirname(path), environment);
}

async function readSource(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw unreadable(file, "it is not a file");
    if (found.size > maxFileBytes) throw unreadable(file, `it is larger than ${maxFileBytes} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    if (cause instanceof PoolError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new PoolError(
        "CONFIG_NOT_FOUND",
        `there is no configuration at ${file}.`,
        "Copy config/penstock.example.yaml there, or name another file with --config or PENSTOCK_CONFIG.",
        { cause },
      );
    }
    throw unreadable(
      file,
      code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "it is not UTF-8 text" : String(code),
      cause,
    );
  }
}

function unreadable(file: string, why: string, cause?: unknown): PoolError {
  return new PoolError(
    "CONFIG_UNREADABLE",
    `the configuration ${file} cannot be read: ${why}.`,
    "Give the path of a readable YAML file.",
    { cause },
  );
}
