/**
 * What a setting is: one sentence, a unit, a default, bounds. The schema is a tree of these, and everything else about
 * settings (their TypeScript types, the check, the reference in docs/, the example file) is read off that tree.
 */
import { resolve } from "node:path";

/** One value. */
export interface Leaf<T> {
  readonly node: "leaf";
  readonly about: string;
  /** What is accepted, as the end of "expected …". */
  readonly expects: string;
  readonly unit: string | undefined;
  /** As one would write it in the file; absent: the setting must be given. */
  readonly fallback: Fallback | undefined;
  readonly secret: boolean;
  /** Turns what stood in the file into the value; says what is wrong otherwise. */
  read(written: unknown, context: ReadContext): Reading<T>;
  /** The value as one would write it in the file, without secrets. */
  print(value: T): unknown;
}

/** Settings below one key. */
export interface Group<F extends Fields> {
  readonly node: "group";
  readonly about: string;
  readonly fields: F;
}

/** Several of the same. */
export interface List<I extends SettingNode> {
  readonly node: "list";
  readonly about: string;
  readonly item: I;
  readonly minItems: number;
  readonly maxItems: number;
  readonly fallback: Fallback | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a leaf of any type; `unknown` would refuse print(value: T)
export type SettingNode = Leaf<any> | Group<Fields> | List<SettingNode>;
export type Fields = { readonly [key: string]: SettingNode };

export type ValueOf<N extends SettingNode> =
  N extends Leaf<infer T>
    ? T
    : N extends Group<infer F>
      ? { readonly [K in keyof F]: ValueOf<F[K]> }
      : N extends List<infer I>
        ? readonly ValueOf<I>[]
        : never;

/** A default as one would write it, or one that depends on where the data is. */
export type Fallback = { readonly written: unknown } | { readonly inDataDirectory: string };

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly wrong: string };

export interface ReadContext {
  /** The folder that relative paths start from: that of the configuration file. */
  readonly folder: string;
}

interface Described {
  readonly about: string;
  readonly unit?: string;
}

interface WithDefault<D> {
  /** Absent: the setting must be given. */
  readonly default?: D;
}

interface NumberOptions extends Described, WithDefault<number> {
  readonly min: number;
  readonly max: number;
}

export function group<const F extends Fields>(about: string, fields: F): Group<F> {
  return { node: "group", about, fields };
}

export function list<I extends SettingNode>(
  item: I,
  options: { about: string; minItems: number; maxItems: number } & WithDefault<readonly unknown[]>,
): List<I> {
  const { about, minItems, maxItems } = options;
  return { node: "list", about, item, minItems, maxItems, fallback: fallbackOf(options) };
}

export function wholeNumber(options: NumberOptions): Leaf<number> {
  const expects = `a whole number from ${options.min} to ${bound(options.max)}`;
  return leaf(options, expects, (written) =>
    Number.isSafeInteger(written) && inRange(written as number, options)
      ? good(written as number)
      : undefined,
  );
}

export function number(options: NumberOptions & { readonly decimals?: number }): Leaf<number> {
  const { decimals } = options;
  const digits = decimals === undefined ? "" : ` with at most ${decimals} decimals`;
  const expects = `a number from ${options.min} to ${bound(options.max)}${digits}`;
  return leaf(options, expects, (written) => {
    if (typeof written !== "number" || !inRange(written, options)) return undefined;
    if (decimals !== undefined && Number(written.toFixed(decimals)) !== written) return undefined;
    return good(written);
  });
}

/** Bits of 32, written as eight hex digits. @param within those that may be among them. */
export function bits(options: Described & WithDefault<string> & { readonly within: number }): Leaf<number> {
  const { within } = options;
  const expects = `eight hex digits, of bits within ${hexOf(within)}`;
  return leaf<number>(
    options,
    expects,
    (written) => {
      if (typeof written !== "string" || !/^[0-9a-fA-F]{8}$/.test(written)) return undefined;
      const value = Number.parseInt(written, 16);
      return (value & ~within) === 0 ? good(value) : undefined;
    },
    hexOf,
  );
}

function hexOf(value: number): string {
  return value.toString(16).padStart(8, "0");
}

export function flag(options: Described & WithDefault<boolean>): Leaf<boolean> {
  return leaf(options, "true or false", (written) =>
    typeof written === "boolean" ? good(written) : undefined,
  );
}

export function oneOf<const C extends string>(
  choices: readonly C[],
  options: Described & WithDefault<C>,
): Leaf<C> {
  return leaf(options, choices.join(", ").replace(/, ([^,]*)$/, " or $1"), (written) => {
    const choice = choices.find((candidate) => candidate === written);
    return choice === undefined ? undefined : good(choice);
  });
}

export interface TextOptions extends Described, WithDefault<string> {
  readonly maxBytes: number;
  readonly secret?: boolean;
}

export function text(options: TextOptions): Leaf<string> {
  const expects = `text of 1 to ${options.maxBytes} bytes without control characters`;
  return leaf(options, expects, (written) => (isText(written, options.maxBytes) ? good(written) : undefined));
}

/** A path; relative ones start at the folder of the configuration file. */
export function path(
  options: Described & WithDefault<string> & { readonly inDataDirectory?: string },
): Leaf<string> {
  const { inDataDirectory } = options;
  return {
    ...leaf<string>(options, "a path", () => undefined),
    fallback: inDataDirectory === undefined ? fallbackOf(options) : { inDataDirectory },
    read: (written, { folder }) =>
      isText(written, 4096)
        ? good(resolve(folder, written))
        : { ok: false, wrong: `${shown(written)} is not a path` },
  };
}

/** A whole number, or the word for one that is chosen at start. */
export function autoOr(options: Omit<NumberOptions, "default">): Leaf<number | "auto"> {
  const expects = `auto or a whole number from ${options.min} to ${bound(options.max)}`;
  return leaf<number | "auto">({ ...options, default: "auto" }, expects, (written) => {
    if (written === "auto") return good(written);
    return Number.isSafeInteger(written) && inRange(written as number, options)
      ? good(written as number)
      : undefined;
  });
}

/** The same setting, which may also be `null`, its default. */
export function orNull<T>(setting: Leaf<T>): Leaf<T | null> {
  return {
    ...setting,
    fallback: { written: null },
    expects: `${setting.expects}, or null`,
    read: (written, context) => (written === null ? good(null) : setting.read(written, context)),
    print: (value) => (value === null ? null : setting.print(value)),
  };
}

/** A leaf from a function that returns undefined for what it does not accept. */
export function leaf<T>(
  options: Described & WithDefault<unknown> & { readonly secret?: boolean },
  expects: string,
  accept: (written: unknown) => Reading<T> | undefined,
  print: (value: T) => unknown = (value) => value,
): Leaf<T> {
  const secret = options.secret ?? false;
  return {
    node: "leaf",
    about: options.about,
    expects,
    unit: options.unit,
    fallback: fallbackOf(options),
    secret,
    read: (written) =>
      accept(written) ?? {
        ok: false,
        wrong: `${secret ? "the value" : shown(written)} is not accepted; expected ${expects}`,
      },
    print: secret ? () => redacted : print,
  };
}

export const redacted = "[redacted]";

export function good<T>(value: T): Reading<T> {
  return { ok: true, value };
}

/** What stood in the file, short enough for one line. */
export function shown(written: unknown): string {
  if (written instanceof Map) return "a group of settings";
  if (Array.isArray(written)) return "a list";
  const plain = typeof written === "string" ? JSON.stringify(written) : String(written);
  return plain.length > 60 ? `${plain.slice(0, 57)}…` : plain;
}

function fallbackOf(options: WithDefault<unknown>): Fallback | undefined {
  return options.default === undefined ? undefined : { written: options.default };
}

function inRange(value: number, { min, max }: { min: number; max: number }): boolean {
  return value >= min && value <= max; // false for NaN
}

function bound(value: number): string {
  return value >= 1e12 ? value.toExponential() : String(value);
}

function isText(written: unknown, maxBytes: number): written is string {
  return (
    typeof written === "string" &&
    written !== "" &&
    Buffer.byteLength(written) <= maxBytes &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    !/[\u0000-\u001f\u007f]/.test(written)
  );
}
