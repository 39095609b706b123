/** docs/firmware.md, made of config/firmware.yaml and of the traits that it can speak of. */
import { readFileSync } from "node:fs";
import { faultsText } from "../../src/config/faults.ts";
import type { Firmware, FirmwareFile } from "../../src/config/firmware.ts";
import { firmwareTraits, parseFirmware, shippedFirmwareFile } from "../../src/config/firmware.ts";

export function firmwareReference(): string {
  const { profiles, unknown } = shipped();
  return [
    "# Firmware profiles",
    "",
    "<!-- Written by `npx tsx scripts/write-docs.ts`; change config/firmware.yaml, not this file. -->",
    "",
    "Devices, programs and proxies that speak Stratum differ from what its documents say. What is special about each kind is",
    "data: [config/firmware.yaml](../config/firmware.yaml), one profile for each.",
    "",
    "- A client is known by the user agent that it gives in `mining.subscribe`. The pool cuts it to 128 characters and writes",
    '  `_` for those outside printable ASCII. A client that gives none has the agent `""`.',
    "- In a pattern `*` stands for any text; upper and lower case are the same; the whole agent must match.",
    "- The first profile in the file with a matching pattern wins. What none matches gets `default`.",
    "- A profile says only what differs from `default`.",
    "- An agent is what a client says of itself. Traits make the pool fit it, they give it no rights.",
    "",
    "To add a profile, or to change one, copy the file, name the copy in `stratum.firmwareFile` and put the new profile before",
    "any other that matches the same agents. Give it `examples`: agents as devices really send them. All faults of the file are",
    "named at start, with their lines (`FIRMWARE_INVALID` in [errors.md](errors.md)). A profile that others need, too, belongs",
    "into the file that comes with the program; `npm test` proves that each example meets its own profile.",
    "",
    "```yaml",
    "profiles:",
    "  - name: my-device # distinct; lower-case letters, digits, hyphens",
    "    agents: [MyDevice/*]",
    "    examples: [MyDevice/1.0]",
    "    about: What it is, and what is special about it.",
    "    sources: [where that was read or measured]",
    "    coinbaseBytes: 2250 # any trait",
    "```",
    "",
    "## Traits",
    "",
    "| trait | default | unit | accepted | meaning |",
    "|---|---|---|---|---|",
    ...traits.map((trait) => traitRow(trait, unknown)),
    "",
    "## Profiles",
    "",
    "In the order in which they are tried.",
    ...profiles.flatMap((profile) => sectionOf(profile, unknown)),
    "",
  ].join("\n");
}

function shipped(): FirmwareFile {
  const parsed = parseFirmware(readFileSync(shippedFirmwareFile, "utf8"));
  if (!parsed.ok) throw new TypeError(faultsText(shippedFirmwareFile, parsed.faults));
  return parsed.firmware;
}

interface Trait {
  /** Keys that lead to it. */
  readonly path: readonly string[];
  readonly unit: string | undefined;
  readonly expects: string;
  readonly about: string;
}

const traits: readonly Trait[] = Object.entries(firmwareTraits).flatMap(([name, node]): Trait[] =>
  node.node === "leaf"
    ? [{ ...node, path: [name] }]
    : Object.entries(node.fields).map(([key, leaf]) => ({ ...leaf, path: [name, key] })),
);

function traitRow({ path, unit, expects, about }: Trait, unknown: Firmware): string {
  return `| \`${path.join(".")}\` | ${shown(unknown, path)} | ${unit ?? ""} | ${expects} | ${about} |`;
}

function sectionOf(profile: Firmware, unknown: Firmware): string[] {
  const { name, agents, about, sources, examples } = profile;
  const differing = traits.filter(({ path }) => shown(profile, path) !== shown(unknown, path));
  return [
    "",
    `### ${name}`,
    "",
    about,
    "",
    `- Agents: ${agents.map(code).join(", ")}`,
    ...differing.map(({ path }) => `- \`${path.join(".")}\`: **${shown(profile, path)}**`),
    ...(differing.length === 0 ? ["- Like `default` in all."] : []),
    ...(examples.length > 0 ? [`- Seen: ${examples.map(code).join(", ")}`] : []),
    ...(sources.length > 0 ? ["- Sources:", ...sources.map((source) => `  - ${source}`)] : []),
  ];
}

function shown(profile: Firmware, path: readonly string[]): string {
  const value = path.reduce<unknown>((outer, key) => (outer as Record<string, unknown>)[key], profile);
  return code(typeof value === "number" ? plain(value) : String(value ?? null));
}

/** 1e-9 reads worse than 0.000000001. */
function plain(value: number): string {
  return String(value).includes("e-") ? value.toFixed(9) : String(value);
}

function code(text: string): string {
  return `\`${text === "" ? '""' : text}\``;
}
