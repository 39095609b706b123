/** What clients say of themselves is shown to people, in logs and pages: there it must be short and harmless. */

/** Longest name, version or other word that a client gives itself, in characters. */
export const maxNameLength = 128;

/**
 * @returns the first characters of a text, those outside printable ASCII as `_`: a copy, since a part of a line would
 * keep the whole line in memory.
 */
export function printable(text: string, maxLength: number): string {
  const harmless = text.slice(0, maxLength).replace(/[^\x20-\x7e]/g, "_");
  return Buffer.from(harmless, "latin1").toString("latin1");
}

/** A text as `printable`, "" for anything else. */
export function printableName(value: unknown): string {
  return typeof value === "string" ? printable(value, maxNameLength) : "";
}
