/** Free space as a state with two thresholds; to leave a state takes a tenth more than to enter it, so it never flaps. */
export type SpaceState = "ok" | "alarm" | "refusing";

export interface SpaceThresholds {
  readonly alarmFreeBytes: number;
  readonly refuseFreeBytes: number;
}

const hysteresis = 1.1;

export function nextSpaceState(
  current: SpaceState,
  freeBytes: number,
  { alarmFreeBytes, refuseFreeBytes }: SpaceThresholds,
): SpaceState {
  if (freeBytes < refuseFreeBytes * (current === "refusing" ? hysteresis : 1)) return "refusing";
  if (freeBytes < alarmFreeBytes * (current === "ok" ? 1 : hysteresis)) return "alarm";
  return "ok";
}
