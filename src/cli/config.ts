/** `penstock config check [FILE]`: every fault at once, or the effective settings, who is paid and what each port is. */
import { parseArgs } from "node:util";
import type { Config, PortSettings } from "../config/index.ts";
import {
  configFileOf,
  faultsText,
  feeMillionths,
  payees,
  printConfig,
  printListen,
  printNetwork,
  readConfig,
  stratumPorts,
} from "../config/index.ts";
import { describeError, PoolError } from "../errors.ts";

export interface Io {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const usage = `penstock config check [FILE]

Checks a configuration and prints the effective settings (defaults included, secrets left out), who is paid and what
each port is.
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
      io.stdout.write(`${printConfig(parsed.config)}\n${summary(parsed.config)}`);
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
function summary(config: Config): string {
  const ports = stratumPorts(config);
  const lines = [...payeeLines(config, ports), ...portLines(config, ports)];
  return lines.map((line) => `# ${line}\n`).join("");
}

function payeeLines(config: Config, ports: readonly PortSettings[]): string[] {
  const fee = feeMillionths(config);
  const minesPplns = ports.some(({ scheme }) => scheme === "pplns");
  const minesSolo = ports.some(({ scheme }) => scheme === "solo");
  const part = minesPplns ? "each block's reward" : "the fee";
  const paid = payees(config);
  return [
    `Payee${paid.length === 1 ? "" : "s"} on ${config.chain}:`,
    ...paid.map(({ address, millionths }) => `  ${address}  ${percent(millionths)} of ${part}`),
    ...(minesPplns ? [`Miners are credited ${percent(1_000_000 - fee)} of it (pplns).`] : []),
    ...(minesSolo ? [soloLine(fee)] : []),
  ];
}

function soloLine(fee: number): string {
  if (fee === 0) return "A block found on a solo port pays its finder all of its reward.";
  const parts = `${percent(1_000_000 - fee)} of its reward; the fee of ${percent(fee)}`;
  return `A block found on a solo port pays its finder ${parts} goes to those above, in the same parts.`;
}

function portLines(config: Config, ports: readonly PortSettings[]): string[] {
  const security = config.stratum.tls.certificateFile === null ? "no TLS" : "TLS or without";
  const addresses = ports.map(({ address }) => printListen(address));
  const width = Math.max(...addresses.map(({ length }) => length));
  return [
    "Ports:",
    ...ports.map((port, index) =>
      [
        `  ${addresses[index]!.padEnd(width)}  ${port.scheme}`,
        difficultyText(port.difficulty),
        security,
        ...proxyText(port),
      ].join("; "),
    ),
  ];
}

function difficultyText({ start, min, max, vardiff, sharesPerMinute }: PortSettings["difficulty"]): string {
  if (!vardiff) return `difficulty ${start}, fixed`;
  return `difficulty ${start} at first, then ${min} to ${max} for ${sharesPerMinute} shares a minute`;
}

function proxyText({ proxyFrom }: PortSettings): string[] {
  return proxyFrom.length === 0 ? [] : [`PROXY header from ${proxyFrom.map(printNetwork).join(", ")}`];
}

function percent(millionths: number): string {
  return `${millionths / 10_000} percent`;
}
