/**
 * What a dialogue expects of a line: JSON with holes in it. test/conformance/README.md tells how it is written.
 *
 *   *               any value                      $name   any value the first time, the same one from then on
 *   "stale: *"      a text that begins so          <=750   a number of at most that (also >=); 2^-20 is a number
 *   [1, …]          an array that begins so        {"id":1, …}   an object that has these members, and others
 */

export type Variables = Map<string, unknown>;

type Pattern =
  | { readonly kind: "any" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "bound"; readonly relation: "<=" | ">="; readonly limit: number }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly value: null | boolean | number }
  | { readonly kind: "array"; readonly elements: readonly Pattern[]; readonly isOpen: boolean }
  | { readonly kind: "object"; readonly members: ReadonlyMap<string, Pattern>; readonly isOpen: boolean };

/** @throws Error that says where the pattern is misspelt. */
export function parsePattern(text: string): Pattern {
  const reader = new PatternReader(text);
  const pattern = reader.value();
  reader.end();
  return pattern;
}

/** @returns what is wrong with the value, and where in it; undefined if it fits. Names that are new are then known. */
export function mismatch(pattern: Pattern, value: unknown, variables: Variables): string | undefined {
  return compare(pattern, value, variables, "");
}

/** Numbers in dialogues: as JSON writes them, or powers as 2^-20. */
export function numberOf(text: string): number {
  const [base, exponent] = text.split("^");
  return exponent === undefined ? Number(text) : Number(base) ** Number(exponent);
}

/** Puts in for each `$name` what it stands for: a text as it is, anything else as JSON. @throws Error */
export function substitute(text: string, variables: Variables): string {
  return text.replace(variablePattern, (_, name: string) => {
    if (!variables.has(name)) throw new Error(`nothing is known as $${name}`);
    const value = variables.get(name);
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

const variablePattern = /\$([A-Za-z][A-Za-z0-9]*)/g;

function compare(pattern: Pattern, value: unknown, variables: Variables, at: string): string | undefined {
  switch (pattern.kind) {
    case "any":
      return undefined;
    case "variable":
      return compareVariable(pattern.name, value, variables, at);
    case "bound": {
      const { relation, limit } = pattern;
      const fits = typeof value === "number" && (relation === "<=" ? value <= limit : value >= limit);
      return fits ? undefined : differs(at, `${relation}${limit}`, value);
    }
    case "text": {
      const wanted = substitute(pattern.text, variables);
      return typeof value === "string" && globPattern(wanted).test(value)
        ? undefined
        : differs(at, JSON.stringify(wanted), value);
    }
    case "value":
      return value === pattern.value ? undefined : differs(at, String(pattern.value), value);
    case "array":
      return compareArray(pattern, value, variables, at);
    case "object":
      return compareObject(pattern, value, variables, at);
  }
}

function compareVariable(name: string, value: unknown, variables: Variables, at: string): string | undefined {
  if (!variables.has(name)) {
    variables.set(name, value);
    return undefined;
  }
  const known = JSON.stringify(variables.get(name));
  return known === JSON.stringify(value) ? undefined : differs(at, `$${name} (${known})`, value);
}

function compareArray(
  { elements, isOpen }: Extract<Pattern, { kind: "array" }>,
  value: unknown,
  variables: Variables,
  at: string,
): string | undefined {
  if (!Array.isArray(value)) return differs(at, "an array", value);
  if (isOpen ? value.length < elements.length : value.length !== elements.length) {
    return differs(at, `${elements.length}${isOpen ? " or more" : ""} elements`, value);
  }
  return first(elements.keys(), (index) =>
    compare(elements[index]!, value[index], variables, `${at}[${index}]`),
  );
}

function compareObject(
  { members, isOpen }: Extract<Pattern, { kind: "object" }>,
  value: unknown,
  variables: Variables,
  at: string,
): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return differs(at, "an object", value);
  const found = new Map(Object.entries(value));
  const extra = [...found.keys()].find((key) => !members.has(key));
  if (!isOpen && extra !== undefined) return `${at}.${extra} came, which is not expected`;
  return first(members.keys(), (key) =>
    found.has(key)
      ? compare(members.get(key)!, found.get(key), variables, `${at}.${key}`)
      : `${at}.${key} is missing`,
  );
}

function first<T>(all: Iterable<T>, find: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function differs(at: string, expected: string, value: unknown): string {
  return `${at === "" ? "the line" : at} is ${JSON.stringify(value)}, not ${expected}`;
}

function globPattern(text: string): RegExp {
  const parts = text.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join("[\\s\\S]*")}$`);
}

/** Reads JSON with holes; tokens are cut by one expression each. */
class PatternReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): Pattern {
    if (this.#take(/\*/y)) return { kind: "any" };
    const variable = this.#take(/\$[A-Za-z][A-Za-z0-9]*/y);
    if (variable) return { kind: "variable", name: variable.slice(1) };
    const bound = this.#take(/[<>]=\s*[-0-9.eE^+]+/y);
    if (bound) {
      return { kind: "bound", relation: bound.slice(0, 2) as "<=" | ">=", limit: numberOf(bound.slice(2)) };
    }
    const text = this.#string();
    if (text !== undefined) return { kind: "text", text };
    const word = this.#take(/true|false|null/y);
    if (word) return { kind: "value", value: JSON.parse(word) as null | boolean };
    const number = this.#take(/-?[0-9][-0-9.eE^+]*/y);
    if (number) return { kind: "value", value: numberOf(number) };
    if (this.#take(/\[/y)) return this.#array();
    if (this.#take(/\{/y)) return this.#object();
    throw this.#misspelt("a value");
  }

  end(): void {
    this.#take(/$/y);
    if (this.#at < this.#text.length) throw this.#misspelt("the end of the line");
  }

  #array(): Pattern {
    const elements: Pattern[] = [];
    const isOpen = this.#list(/\]/y, () => elements.push(this.value()));
    return { kind: "array", elements, isOpen };
  }

  #object(): Pattern {
    const members = new Map<string, Pattern>();
    const isOpen = this.#list(/\}/y, () => {
      const key = this.#string();
      if (key === undefined || !this.#take(/:/y)) throw this.#misspelt('"key": value');
      members.set(key, this.value());
    });
    return { kind: "object", members, isOpen };
  }

  /** @returns whether it ends with an ellipsis: there may be more. */
  #list(end: RegExp, element: () => void): boolean {
    if (this.#take(end)) return false;
    for (;;) {
      if (this.#take(/…|\.\.\./y)) {
        if (!this.#take(end)) throw this.#misspelt("the end behind the ellipsis");
        return true;
      }
      element();
      if (this.#take(end)) return false;
      if (!this.#take(/,/y)) throw this.#misspelt("a comma");
    }
  }

  #string(): string | undefined {
    const text = this.#take(/"(?:[^"\\]|\\.)*"/y);
    return text === undefined ? undefined : (JSON.parse(text) as string);
  }

  /** @param token a sticky expression. */
  #take(token: RegExp): string | undefined {
    while (this.#text[this.#at] === " ") this.#at += 1;
    token.lastIndex = this.#at;
    const found = token.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #misspelt(expected: string): Error {
    return new Error(`${expected} is expected at "${this.#text.slice(this.#at, this.#at + 30)}"`);
  }
}
