import type { Document, Node, Pair } from "yaml";
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Fault, PathPart } from "./faults.ts";
import { pathText } from "./faults.ts";
import { shown } from "./setting.ts";

/** Far beyond any real configuration; keeps a mistaken path (a log, a dump) from being parsed at all. */
export const maxFileBytes = 1_048_576;
/** Uses of anchors; a handful serves every honest file, an alias bomb needs millions. */
const maxAliases = 100;
/** The parser recurses, and ends the process where its stack does: deeper files are recognised before it runs. */
const maxDepth = 64;
const maxIndent = 256;
/** A file that is something else altogether is not listed line by line. */
export const maxFaults = 100;

export interface YamlFile {
  /** Maps, arrays and scalars; undefined if the file is empty or could not be read as YAML. */
  readonly contents: unknown;
  readonly faults: readonly Fault[];
  /** Line of a setting, or of the closest one above it that stands in the file. */
  lineOf(path: readonly PathPart[]): number | undefined;
}

/** Reads YAML 1.2 into plain values and says everything that is wrong with its form. Never throws. */
export function readYaml(source: string): YamlFile {
  const failed = (message: string): YamlFile => ({
    contents: undefined,
    faults: [{ path: "", message, line: undefined }],
    lineOf: () => undefined,
  });
  if (Buffer.byteLength(source) > maxFileBytes) {
    return failed(`the file is larger than ${maxFileBytes} bytes; this is no configuration of Penstock`);
  }
  if (nestsTooDeeply(source)) return failed(`values are nested more than ${maxDepth} levels deep`);
  const lines = new LineCounter();
  try {
    const document = parseDocument(source, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
    const faults = [...syntaxFaults(document, lines), ...duplicateKeys(document, lines)];
    const broken = document.errors.length > 0;
    return {
      contents: broken
        ? undefined
        : (document.toJS({ mapAsMap: true, maxAliasCount: maxAliases }) ?? undefined),
      faults,
      lineOf: (path) => lineOf(document, lines, path),
    };
  } catch (cause) {
    return failed(`the file could not be read as YAML: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** Three ways to nest: brackets, indicators on one line (`- - -`), indentation. Brackets in text count, harmlessly. */
function nestsTooDeeply(source: string): boolean {
  let depth = 0;
  for (const character of source) {
    if (character === "[" || character === "{") depth++;
    else if ((character === "]" || character === "}") && depth > 0) depth--;
    if (depth > maxDepth) return true;
  }
  return source.split("\n").some((line) => {
    const start = /^(?:[ \t]|[-?:][ \t])*/.exec(line)![0];
    return start.length > maxIndent || start.replace(/[ \t]/g, "").length > maxDepth;
  });
}

function syntaxFaults(document: Document, lines: LineCounter): Fault[] {
  return [...document.errors, ...document.warnings].slice(0, maxFaults).map(({ message, pos }) => ({
    path: "",
    message: `not valid YAML: ${message}`,
    line: lines.linePos(pos[0]).line,
  }));
}

/** YAML forbids them; the parser's own check is quadratic, and does not say where. */
function duplicateKeys(document: Document, lines: LineCounter): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Map(_, map, ancestors) {
      const seen = new Set<unknown>();
      for (const { key } of map.items as Pair<Node>[]) {
        const name = isScalar(key) ? key.value : key;
        if (seen.has(name) && faults.length < maxFaults) {
          faults.push({
            path: pathText([...pathOf([...(ancestors as readonly (Node | Pair)[]), map]), String(name)]),
            message: "is given twice; remove one",
            line: key.range ? lines.linePos(key.range[0]).line : undefined,
          });
        }
        seen.add(name);
      }
    },
  });
  return faults;
}

/** Path of the last of these nodes (document, maps, pairs and sequences), each of which holds the next. */
function pathOf(ancestors: readonly (Node | Pair)[]): PathPart[] {
  return ancestors.flatMap((ancestor, depth): PathPart[] => {
    if ("key" in ancestor) return [isScalar(ancestor.key) ? String(ancestor.key.value) : "?"];
    const child = ancestors[depth + 1];
    return isSeq(ancestor) && child !== undefined ? [ancestor.items.indexOf(child)] : [];
  });
}

function lineOf(document: Document, lines: LineCounter, path: readonly PathPart[]): number | undefined {
  let node: unknown = document.contents;
  let line: number | undefined;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    let place: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      place = pair?.key;
      node = pair?.value;
    } else if (isSeq(node) && typeof part === "number") {
      place = node.items[part];
      node = place;
    }
    const range = (place as Node | undefined)?.range;
    if (!range) break;
    line = lines.linePos(range[0]).line;
  }
  return line;
}

/** A key as text; keys that are no plain words are unknown anyway. */
export function keyText(key: unknown): string {
  return typeof key === "string" ? key : shown(key);
}
