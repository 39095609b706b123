/** Firmware profiles: config/firmware.yaml, checked like the settings and by the same means. */
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PoolError } from "../errors.ts";
import type { Checked } from "./check.ts";
import { check } from "./check.ts";
import type { Fault, PathPart } from "./faults.ts";
import { faultsText, pathText } from "./faults.ts";
import { maxFaults, maxFileBytes, readYaml } from "./read-yaml.ts";
import type { Fields, Leaf, SettingNode, ValueOf } from "./setting.ts";
import { flag, good, group, leaf, list, number, oneOf, orNull, text, wholeNumber } from "./setting.ts";

/** Longer ones are cut when a client subscribes. */
const maxAgentLength = 128;
/** Extranonce2 of every client. */
const grantedBytes = 8;
/** The name of what clients are that no row knows. */
const unknownName = "default";

/** Stands for no value in a row; nobody can write it. */
const leftOut = Symbol("left out");

const difficultyBounds = { min: 1e-9, max: 1e15 };
const extranonceBounds = { unit: "bytes", min: 1, max: 64 };

/** What can be said of a client; the pool acts on each. */
export const firmwareTraits = {
  coinbaseBytes: wholeNumber({
    about: "Largest coinbase, without its witness, that it takes.",
    unit: "bytes",
    min: 250,
    max: 100_000,
  }),
  difficultyMin: number({
    about: "The easiest difficulty that it is assigned; a client that no profile matches may ask for less.",
    ...difficultyBounds,
  }),
  difficultyStart: orNull(
    number({ about: "Difficulty of its first jobs; null: that of its port.", ...difficultyBounds }),
  ),
  fractionalDifficulty: flag({
    about:
      "Whether it understands difficulties below 1 and such that are not whole; if not it gets whole ones from 1 on, unless it asks for less itself.",
  }),
  extranonce2Bytes: group("Sizes of extranonce2 that it takes; the pool grants 8 bytes.", {
    min: wholeNumber({ about: "Smallest extranonce2 that it takes.", ...extranonceBounds }),
    max: wholeNumber({
      about: "Largest extranonce2 that it takes; the pool grants 8 bytes.",
      ...extranonceBounds,
    }),
  }),
  versionMaskMessage: oneOf(["never", "before-first-job"], {
    about:
      "When it is sent mining.set_version_mask: never, or right before its first job after authorization.",
  }),
  followsRaises: flag({
    about:
      "Whether it obeys a higher difficulty after mining.configure told it a minimum; if not, the pool does not raise it.",
  }),
  easesBeforeFirstShare: flag({
    about: "Whether its difficulty may fall before its first share; not if it tunes itself for minutes.",
  }),
  userNameBytes: wholeNumber({
    about: "Longest user name that it handles; longer ones are refused with the reason.",
    unit: "bytes",
    min: 16,
    max: 512,
  }),
  userNameCut: orNull(
    wholeNumber({
      about: "It cuts user names to this length when it submits; null: it does not.",
      unit: "characters",
      min: 16,
      max: 512,
    }),
  ),
  showsMessages: flag({ about: "Whether it understands client.show_message." }),
  followsReconnect: oneOf(["anywhere", "same-domain", "same-host", "never"], {
    about:
      "Where client.reconnect makes it go: anywhere, to hosts of its pool's domain, to its own pool again, or nowhere.",
  }),
} satisfies Fields;

const agentText = (about: string) =>
  leaf<string>({ about }, `at most ${maxAgentLength} printable ASCII characters`, (written) =>
    typeof written === "string" && written.length <= maxAgentLength && /^[\x20-\x7e]*$/.test(written)
      ? good(written)
      : undefined,
  );

const identity = {
  name: leaf<string>(
    { about: "Distinct for each profile." },
    "at most 40 lower-case letters, digits and single hyphens",
    (written) =>
      typeof written === "string" && written.length <= 40 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(written)
        ? good(written)
        : undefined,
  ),
  agents: list(agentText("A user agent; * stands for any text."), {
    about: "User agents that it is known by.",
    minItems: 1,
    maxItems: 32,
  }),
  examples: list(agentText("A user agent."), {
    about: "User agents that were seen.",
    minItems: 0,
    maxItems: 32,
    default: [],
  }),
  about: text({ about: "What it is, and what is special about it.", maxBytes: 1000 }),
  sources: list(text({ about: "Where to read it.", maxBytes: 200 }), {
    about: "Where what is said was read.",
    minItems: 0,
    maxItems: 32,
    default: [],
  }),
} satisfies Fields;

const profileSchema = group("One kind of client.", { ...identity, ...inheritedFields(firmwareTraits) });

const fileSchema = group("Firmware profiles.", {
  default: group("What is assumed of a client that no profile matches.", firmwareTraits),
  profiles: list(profileSchema, {
    about: "The first that matches wins. Each says only what differs from default.",
    minItems: 0,
    maxItems: 200,
  }),
});

type Traits = ValueOf<ReturnType<typeof group<typeof firmwareTraits>>>;
type Identity = ValueOf<ReturnType<typeof group<typeof identity>>>;
type DraftTraits = Checked<Traits>;
type DraftRow = Checked<Identity> & DraftTraits;
interface DraftFile {
  readonly default: DraftTraits | undefined;
  readonly profiles: readonly (DraftRow | undefined)[] | undefined;
}
type Path = readonly PathPart[];
type Report = (path: Path, message: string) => void;

/** A profile with all its traits. */
export type Firmware = Identity &
  Omit<Traits, "difficultyStart" | "userNameCut"> & {
    readonly difficultyStart: number | undefined;
    readonly userNameCut: number | undefined;
  };

export interface FirmwareFile {
  /** In file order. */
  readonly profiles: readonly Firmware[];
  /** What is assumed of a client that none matches. */
  readonly unknown: Firmware;
}

export type ParsedFirmware =
  | { readonly ok: true; readonly firmware: FirmwareFile }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** As it came with the program: src/config/ and dist/config/ lie equally deep below the package's root. */
export const shippedFirmwareFile = fileURLToPath(new URL("../../config/firmware.yaml", import.meta.url));

/**
 * @param file null: the one that came with the program.
 * @throws PoolError FIRMWARE_INVALID with every fault, one a line; FIRMWARE_UNREADABLE.
 */
export async function loadFirmware(file: string | null = null): Promise<FirmwareFile> {
  const path = file ?? shippedFirmwareFile;
  const parsed = parseFirmware(await readSource(path));
  if (parsed.ok) return parsed.firmware;
  throw new PoolError(
    "FIRMWARE_INVALID",
    faultsText(path, parsed.faults),
    "Every trait of a profile is described in docs/firmware.md.",
  );
}

/** Every fault at once, or all profiles with all their traits. Pure. */
export function parseFirmware(source: string): ParsedFirmware {
  const yaml = readYaml(source);
  const faults: Fault[] = [...yaml.faults];
  if (faults.length > 0 && yaml.contents === undefined) return { ok: false, faults };
  const report: Report = (path, message) => {
    if (faults.length < maxFaults) faults.push({ path: pathText(path), message, line: yaml.lineOf(path) });
  };
  const context = { folder: "", root: fileSchema, environment: {}, dataDirectory: "", report };
  const draft = check(fileSchema, yaml.contents, [], context) as DraftFile | undefined;
  if (draft !== undefined) checkRules(draft, report);
  return faults.length > 0 ? { ok: false, faults } : { ok: true, firmware: finished(draft!) };
}

/** What no single value can know. */
function checkRules({ default: assumed, profiles = [] }: DraftFile, report: Report): void {
  if (assumed !== undefined) checkTraits(assumed, ["default"], report);
  for (const [index, row] of profiles.entries()) {
    if (row === undefined) continue;
    checkTraits(overlaid(assumed, row), ["profiles", index], report);
  }
  namesAreDistinct(profiles, report);
  patternsAreReached(profiles, report);
}

function checkTraits(traits: DraftTraits, path: Path, report: Report): void {
  const { extranonce2Bytes, fractionalDifficulty, difficultyMin, difficultyStart } = traits;
  const { min = grantedBytes, max = grantedBytes } = extranonce2Bytes ?? {};
  if (min > grantedBytes || max < grantedBytes) {
    report(
      [...path, "extranonce2Bytes"],
      `is ${min} to ${max}; it must contain ${grantedBytes}: the pool grants ${grantedBytes} bytes`,
    );
  }
  if (typeof difficultyStart === "number" && difficultyMin !== undefined && difficultyStart < difficultyMin) {
    report([...path, "difficultyStart"], `is below difficultyMin, ${difficultyMin}`);
  }
  if (fractionalDifficulty !== false) return;
  for (const [key, value] of Object.entries({ difficultyMin, difficultyStart })) {
    if (typeof value !== "number" || (value >= 1 && Number.isInteger(value))) continue;
    report([...path, key], `is ${value}; without fractionalDifficulty it is a whole number from 1 on`);
  }
}

function namesAreDistinct(profiles: DraftFile["profiles"] & object, report: Report): void {
  const seen = new Set([unknownName]);
  for (const [index, row] of profiles.entries()) {
    if (row?.name === undefined) continue;
    if (seen.has(row.name)) report(["profiles", index, "name"], `${row.name} is taken; names are distinct`);
    seen.add(row.name);
  }
}

function patternsAreReached(profiles: DraftFile["profiles"] & object, report: Report): void {
  const seen = new Map<string, number>();
  for (const [index, row] of profiles.entries()) {
    for (const [place, agent] of (row?.agents ?? []).entries()) {
      if (agent === undefined) continue;
      const path = ["profiles", index, "agents", place];
      const pattern = agent.toLowerCase().replace(/\*+/g, "*");
      const before = seen.get(pattern);
      if (pattern === "*") report(path, "matches every client; say in default what all are assumed to be");
      else if (before !== undefined) {
        report(path, `never matches: ${pathText(["profiles", before])} has the same pattern before it`);
      }
      seen.set(pattern, before ?? index);
    }
  }
}

/** Only called without faults: every value is there. */
function finished({ default: assumed, profiles }: DraftFile): FirmwareFile {
  const unknown = {
    name: unknownName,
    agents: [],
    examples: [],
    about: "A client that no profile matches.",
    sources: [],
    ...assumed,
  };
  const rows = profiles!.map((row) => ({ ...row, ...overlaid(assumed, row!) }));
  return { profiles: rows.map(whole), unknown: whole(unknown) };
}

function whole(draft: object): Firmware {
  const row = draft as Identity & Traits;
  return {
    ...row,
    difficultyStart: row.difficultyStart ?? undefined,
    userNameCut: row.userNameCut ?? undefined,
  };
}

/** The row's traits, and in the place of each that it leaves out what is assumed of all. */
function overlaid(assumed: DraftTraits | undefined, row: DraftRow): DraftTraits {
  const { extranonce2Bytes } = assumed ?? {};
  const entries = Object.keys(firmwareTraits).map((key) => {
    const name = key as keyof Traits;
    if (name !== "extranonce2Bytes") return [name, row[name] === undefined ? assumed?.[name] : row[name]];
    const { min = extranonce2Bytes?.min, max = extranonce2Bytes?.max } = row[name] ?? {};
    return [name, { min, max }];
  });
  return Object.fromEntries(entries);
}

function inheritedFields(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, node]) => [key, inherited(node)]));
}

/** The same setting in a row, where it may be left out: then its value is undefined. */
function inherited(node: SettingNode): SettingNode {
  if (node.node === "group") return group(node.about, inheritedFields(node.fields));
  return node.node === "leaf" ? optional(node) : node;
}

function optional<T>(setting: Leaf<T>): Leaf<T | undefined> {
  return {
    ...setting,
    fallback: { written: leftOut },
    read: (written, context) => (written === leftOut ? good(undefined) : setting.read(written, context)),
    print: (value) => (value === undefined ? undefined : setting.print(value)),
  };
}

async function readSource(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > maxFileBytes) throw new Error(`it is larger than ${maxFileBytes} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    throw new PoolError(
      "FIRMWARE_UNREADABLE",
      `the firmware profiles ${file} cannot be read: ${cause instanceof Error ? cause.message : cause}.`,
      "Give stratum.firmwareFile the path of a readable YAML file, or leave it out to use the profiles that came with the program.",
      { cause },
    );
  }
}
