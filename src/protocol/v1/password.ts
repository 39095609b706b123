/**
 * The password of mining.authorize: it protects nothing, so pools use it for options, `d=4096,x` or `sd=64;md=16`.
 * Nobody is refused for a password: what is not understood is ignored, and of an option that comes twice the first
 * counts.
 */
import { decimalOf } from "./decimal.ts";

export interface PasswordOptions {
  /** `d=`, `diff=`: the difficulty, fixed. */
  readonly difficulty: number | undefined;
  /** `sd=`, `start=`: the difficulty to start with. */
  readonly startDifficulty: number | undefined;
  /** `md=`, `mind=`, `min=`: the lowest difficulty. */
  readonly minimumDifficulty: number | undefined;
  /** `th=`: the hashrate in TH/s, to start with a difficulty that fits it. */
  readonly terahashes: number | undefined;
}

const maxLength = 256;
const maxValue = 1e15;
const separators = /[,;&\s]+/;
const optionNames = new Map<string, keyof PasswordOptions>([
  ["d", "difficulty"],
  ["diff", "difficulty"],
  ["sd", "startDifficulty"],
  ["start", "startDifficulty"],
  ["md", "minimumDifficulty"],
  ["mind", "minimumDifficulty"],
  ["min", "minimumDifficulty"],
  ["th", "terahashes"],
]);

const noOptions: PasswordOptions = {
  difficulty: undefined,
  startDifficulty: undefined,
  minimumDifficulty: undefined,
  terahashes: undefined,
};

/** Never throws, whatever the text. */
export function decodePassword(text: string): PasswordOptions {
  // Nearly all are `x` or nothing.
  if (!text.includes("=")) return noOptions;
  const found = new Map<keyof PasswordOptions, number>();
  for (const part of partsOf(text)) {
    const equals = part.indexOf("=");
    const option = optionNames.get(part.slice(0, Math.max(0, equals)).toLowerCase());
    const value = decimalOf(part.slice(equals + 1));
    if (option !== undefined && !found.has(option) && value > 0 && value <= maxValue)
      found.set(option, value);
  }
  return {
    difficulty: found.get("difficulty"),
    startDifficulty: found.get("startDifficulty"),
    minimumDifficulty: found.get("minimumDifficulty"),
    terahashes: found.get("terahashes"),
  };
}

/** Of a text that is too long the part that the bound cuts through is left out: half a number is another number. */
function partsOf(text: string): readonly string[] {
  if (text.length <= maxLength) return text.split(separators);
  return text.slice(0, maxLength).split(separators).slice(0, -1);
}
