import { join } from "node:path";
import type { Environment } from "./environment.ts";
import { substitute } from "./environment.ts";
import type { PathPart } from "./faults.ts";
import { nearest } from "./nearest.ts";
import { keyText } from "./read-yaml.ts";
import type { Fields, Group, Leaf, List, ReadContext, SettingNode } from "./setting.ts";
import { shown } from "./setting.ts";

/** The same type with every value missing that could not be read. */
export type Checked<T> = T extends readonly (infer I)[]
  ? readonly (Checked<I> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]: Checked<T[K]> | undefined }
    : T;

export interface CheckContext extends ReadContext {
  /** The whole schema. */
  readonly root: SettingNode;
  readonly environment: Environment;
  readonly dataDirectory: string;
  report(path: readonly PathPart[], message: string): void;
}

type Path = readonly PathPart[];

/**
 * Reads what was written against the schema: fills in defaults, reports every fault, and returns undefined in the
 * place of each value that has one.
 */
export function check(node: SettingNode, written: unknown, path: Path, context: CheckContext): unknown {
  switch (node.node) {
    case "group":
      return checkGroup(node, written, path, context);
    case "list":
      return checkList(node, written, path, context);
    case "leaf":
      return checkLeaf(node, written, path, context);
  }
}

function checkGroup(node: Group<Fields>, written: unknown, path: Path, context: CheckContext): unknown {
  // A key with nothing (or only comments) below it parses as null.
  const given = written ?? new Map();
  if (!(given instanceof Map)) {
    context.report(path, `${shown(written)} is not accepted; expected settings (key: value) below this key`);
    return undefined;
  }
  for (const key of given.keys()) {
    if (!Object.hasOwn(node.fields, key)) reportUnknown(node, keyText(key), path, context);
  }
  const entries = Object.entries(node.fields).map(([key, field]) => [
    key,
    check(field, given.get(key), [...path, key], context),
  ]);
  return Object.fromEntries(entries);
}

function reportUnknown(node: Group<Fields>, key: string, path: Path, context: CheckContext): void {
  const siblings = Object.keys(node.fields);
  const near = nearest(key, siblings) ?? pathsEndingIn(key, context.root)[0];
  const help = near === undefined ? `known here: ${siblings.join(", ")}` : `did you mean ${near}?`;
  context.report([...path, key], `is not a known setting; ${help}`);
}

/** Where else in the settings this very key stands, for one that was written in the wrong place. */
function pathsEndingIn(key: string, node: SettingNode, path: string = ""): string[] {
  if (node.node !== "group") return [];
  return Object.entries(node.fields).flatMap(([name, field]) => {
    const below = path === "" ? name : `${path}.${name}`;
    return [...(name === key ? [below] : []), ...pathsEndingIn(key, field, below)];
  });
}

function checkList(node: List<SettingNode>, written: unknown, path: Path, context: CheckContext): unknown {
  const given = written ?? defaultOf(node, context);
  if (given === undefined) {
    context.report(path, `is missing; it has no default. ${node.about}`);
    return undefined;
  }
  if (!Array.isArray(given)) {
    context.report(path, `${shown(given)} is not accepted; expected a list`);
    return undefined;
  }
  if (given.length < node.minItems || given.length > node.maxItems) {
    context.report(path, `has ${given.length} entries; expected ${node.minItems} to ${node.maxItems}`);
    return undefined;
  }
  return given.map((item, index) => check(node.item, item, [...path, index], context));
}

function checkLeaf(node: Leaf<unknown>, written: unknown, path: Path, context: CheckContext): unknown {
  const given = written === undefined ? defaultOf(node, context) : written;
  if (given === undefined) {
    context.report(path, `is missing; it has no default. ${node.about}`);
    return undefined;
  }
  if (typeof given === "string" && given.includes("${")) return checkFilledIn(node, given, path, context);
  const reading = node.read(given, context);
  if (reading.ok) return reading.value;
  const empty = written === null && "remove the line to get the default, or give a value";
  context.report(path, empty ? `is empty; ${empty}` : reading.wrong);
  return undefined;
}

function checkFilledIn(node: Leaf<unknown>, written: string, path: Path, context: CheckContext): unknown {
  const { text, missing, broken } = substitute(written, context.environment);
  for (const name of missing) {
    context.report(path, `the environment has no variable ${name}; set it, or write the value here`);
  }
  if (broken) context.report(path, `has a \${ that does not begin \${NAME}; write $\${ for a literal \${`);
  if (missing.length > 0 || broken) return undefined;
  const reading = [text, plainScalar(text)]
    .map((value) => node.read(value, context))
    .find((candidate) => candidate.ok);
  if (reading?.ok) return reading.value;
  // What the environment holds may be a secret in the wrong place: it is not repeated.
  context.report(path, `what ${written} stands for is not accepted; expected ${node.expects}`);
  return undefined;
}

/** What YAML would make of the text if it stood in the file. */
function plainScalar(text: string): unknown {
  if (/^(true|false)$/.test(text)) return text === "true";
  if (text === "null") return null;
  return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
}

function defaultOf(node: Leaf<unknown> | List<SettingNode>, { dataDirectory }: CheckContext): unknown {
  if (node.fallback === undefined) return undefined;
  return "written" in node.fallback
    ? node.fallback.written
    : join(dataDirectory, node.fallback.inDataDirectory);
}
