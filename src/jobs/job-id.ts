/**
 * A job's name on Stratum V1's wire: ten lower-case hex digits of its number and two of a variant. Variant 0 is what
 * everybody gets; the others name the same job sent again to one session, since devices ignore an id they have seen.
 */
export interface JobId {
  /** 0 … 2^40 - 1. */
  readonly number: number;
  /** 0 … 255. */
  readonly variant: number;
}

export const maxVariant = 0xff;

export function formatJobId(number: number, variant: number): string {
  return number.toString(16).padStart(10, "0") + variant.toString(16).padStart(2, "0");
}

/** Exactly what formatJobId writes; undefined for anything else. */
export function parseJobId(text: string): JobId | undefined {
  if (!/^[0-9a-f]{12}$/.test(text)) return undefined;
  return { number: Number.parseInt(text.slice(0, 10), 16), variant: Number.parseInt(text.slice(10), 16) };
}
