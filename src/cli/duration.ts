const secondsOf = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90s`, `5m`, `1h`, `2d`; @returns seconds, or undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * secondsOf[match[2] as keyof typeof secondsOf];
}

/** The largest two units that are not zero: `1h 30m`, `29s`. */
export function printDuration(totalSeconds: number): string {
  let rest = Math.max(0, Math.ceil(totalSeconds));
  const parts: string[] = [];
  for (const unit of ["d", "h", "m", "s"] as const) {
    const count = Math.floor(rest / secondsOf[unit]);
    rest -= count * secondsOf[unit];
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0s";
}
