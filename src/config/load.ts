import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PoolError } from "../errors.ts";
import { type Environment, processEnvironment } from "./environment.ts";
import { faultText } from "./faults.ts";
import type { ParsedConfig } from "./parse.ts";
import { parseConfig } from "./parse.ts";
import { maxFileBytes } from "./read-yaml.ts";
import type { Config } from "./schema.ts";

export interface LoadOptions {
  /** As given on the command line; else PENSTOCK_CONFIG, else penstock.yaml in the working directory. */
  readonly file?: string | undefined;
  readonly environment?: Environment;
}

/** Absolute path of the configuration file that these options mean. */
export function configFileOf({ file, environment = processEnvironment() }: LoadOptions): string {
  return resolve(file ?? (environment["PENSTOCK_CONFIG"] || "penstock.yaml"));
}

/**
 * @throws PoolError CONFIG_INVALID with every fault, one a line; CONFIG_NOT_FOUND or CONFIG_UNREADABLE if there is no
 * such file or it cannot be read.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<Config> {
  const file = configFileOf(options);
  const parsed = await readConfig(options);
  if (parsed.ok) return parsed.config;
  const { faults } = parsed;
  throw new PoolError(
    "CONFIG_INVALID",
    `${file} has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults
      .map((fault) => `  ${faultText(fault)}`)
      .join("\n")}\n`,
    "Every setting is described in docs/configuration.md.",
  );
}

/** The same, with the faults as data. */
export async function readConfig(options: LoadOptions = {}): Promise<ParsedConfig> {
  const file = configFileOf(options);
  const source = await readSource(file);
  return parseConfig(source, dirname(file), options.environment ?? processEnvironment());
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
