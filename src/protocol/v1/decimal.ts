/** Numbers as clients write them: JSON's own, or a string of decimal digits, since some firmware puts all in quotes. */
import type { Json } from "./json.ts";

const maxLength = 64;
const pattern = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** @returns NaN for what is no number, for hex, and for a sign before it. */
export function decimalOf(text: string): number {
  return text.length <= maxLength && pattern.test(text) ? Number(text) : Number.NaN;
}

/** @returns undefined unless the value is a number from 0 on, and finite. */
export function finiteNumber(value: Json | undefined): number | undefined {
  const number = typeof value === "string" ? decimalOf(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}
