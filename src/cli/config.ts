/** `penstock config check [FILE]`: every fault at once, or the effective settings and who is paid. */
import { parseArgs } from "node:util";
import type { Config } from "../config/index.ts";
import { configFileOf, faultsText, feeMillionths, payees, printConfig, readConfig } from "../config/index.ts";
import { describeError, PoolError } from "../errors.ts";

export interface Io {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const usage = `penstock config check [FILE]

Checks a configuration and prints the effective settings (defaults included, secrets left out) and who is paid.
FILE: default PENSTOCK_CONFIG from the environment, else penstock.yaml. Settings: docs/configuration.md
`;

/** @returns the exit code: 0 valid, 1 faults or no readable file, 2 not understood. */
export async function runConfig(args: readonly string[], io: Io = process): Promise<number> {
  const request = requestOf(args);
  if (request === undefined) {
    io.stderr.write(usage);
    return 2;
  }
  if (request.help) {
    io.stdout.write(usage);
    return 0;
  }
  try {
    const parsed = await readConfig(request.file);
    if (parsed.ok) {
      io.stdout.write(`${printConfig(parsed.config)}\n${payeeLines(parsed.config)}`);
      return 0;
    }
    io.stderr.write(faultsText(configFileOf(request.file), parsed.faults));
    io.stderr.write("Every setting is described in docs/configuration.md.\n");
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    io.stderr.write(`${describeError(error)}\n`);
  }
  return 1;
}

function requestOf(args: readonly string[]): { help: boolean; file: string | undefined } | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      // --config as in every other command; a bare FILE is shorter.
      options: { help: { type: "boolean" }, config: { type: "string" } },
    });
    if (values.help) return { help: true, file: undefined };
    const [verb, ...files] = positionals;
    if (values.config !== undefined) files.push(values.config);
    return verb === "check" && files.length <= 1 ? { help: false, file: files[0] } : undefined;
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

/** As YAML comments, so that all that is printed can be used as a configuration file. */
function payeeLines(config: Config): string {
  const lines = payees(config).map(
    ({ address, millionths }) => `#   ${address}  ${millionths / 10_000} percent of each block's reward`,
  );
  return [
    `# Payee${lines.length === 1 ? "" : "s"} on ${config.chain}:`,
    ...lines,
    `# Miners are credited ${(1_000_000 - feeMillionths(config)) / 10_000} percent of it (${config.pool.scheme}).`,
    "",
  ].join("\n");
}
