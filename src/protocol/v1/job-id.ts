/**
 * A job's name on the wire: 10 lower-case hex digits of its number and 2 of its variant. Variant 0 goes to everybody;
 * the same job sent once more to one connection, as after a change of difficulty, bears a variant of its own, because
 * firmware drops a job whose name it has seen.
 */
export interface JobId {
  readonly number: number;
  readonly variant: number;
}

export const maxVariant = 255;

const pattern = /^[0-9a-f]{12}$/;

export function encodeJobId(number: number, variant: number): string {
  return number.toString(16).padStart(10, "0") + variant.toString(16).padStart(2, "0");
}

/** @returns undefined for a text that this pool never sent. */
export function decodeJobId(text: string): JobId | undefined {
  if (!pattern.test(text)) return undefined;
  return { number: Number.parseInt(text.slice(0, 10), 16), variant: Number.parseInt(text.slice(10), 16) };
}
