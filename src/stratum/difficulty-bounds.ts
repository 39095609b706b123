/**
 * Between which bounds a connection's difficulty may lie, from what the operator set for the port, what is known of the
 * device, and what its owner asked for. Pure.
 */
import type { DifficultyOptions } from "./difficulty.ts";
import { clamp, powerOfTwoAtLeast } from "./difficulty.ts";
import { type FirmwareProfile, unknownFirmware } from "./firmware.ts";

/** What a client or its owner asked for: difficulties, positive and finite. */
export interface Wishes {
  /** By password: this one, and no vardiff. */
  fixed?: number | undefined;
  /** By password: to begin with. */
  start?: number | undefined;
  /** By mining.configure or password: nothing easier. */
  minimum?: number | undefined;
  /** By mining.suggest_difficulty or mining.suggest_target. */
  suggested?: number | undefined;
  /** What mining.configure answered as the difficulty in force, before anything was assigned. */
  told?: number | undefined;
  /** By V2's nominal_hash_rate: to begin with. Targets are told whole there, so this is no power of two. */
  nominal?: number | undefined;
  /** By V2's max_target: nothing easier; exactly this. */
  easiest?: number | undefined;
}

export type DifficultyTraits = Pick<
  FirmwareProfile,
  "name" | "difficultyMin" | "difficultyStart" | "fractionalDifficulty" | "followsRaises"
>;

export interface DifficultyBounds {
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** Whether difficulty follows the speed of the device. */
  readonly follows: boolean;
}

/**
 * The port's own bounds hold in any case. Within them: a device's floor, so that no ASIC is asked for a flood of shares
 * while it tunes itself; a device that nobody knows may ask for less. Whole numbers from 1 on, unless the firmware is
 * known to take less, or it is asked for. The owner's minimum.
 */
export function boundsOf(
  port: DifficultyOptions,
  profile: DifficultyTraits,
  wishes: Wishes,
): DifficultyBounds {
  const { fixed, start, minimum, suggested, told, nominal, easiest } = wishes;
  const asked = fixed ?? start ?? suggested;
  // Some devices keep what they were told at first, whatever comes: above it all their shares would be refused.
  const max = profile.followsRaises ? port.max : Math.min(port.max, Math.max(told ?? port.max, port.min));
  const floor = floorOf(port, profile, asked ?? minimum ?? nominal);
  const usualMin =
    minimum === undefined ? clamp(floor, port.min, max) : stepUp(minimum, Math.max(floor, port.min), max);
  const min = clamp(easiest ?? usualMin, usualMin, max);
  const usual = wholeFrom1(port.vardiff ? (profile.difficultyStart ?? port.start) : port.start, profile);
  return {
    start: asked === undefined ? clamp(nominal ?? usual, min, max) : stepUp(asked, min, max),
    min,
    max,
    follows: port.vardiff && fixed === undefined,
  };
}

/** Without vardiff, and for a device that nobody knows, the operator's start is deliberate: no floor lifts it. */
function floorOf(port: DifficultyOptions, profile: DifficultyTraits, asked: number | undefined): number {
  const isUnknown = profile.name === unknownFirmware;
  const isFractional = profile.fractionalDifficulty || (asked ?? 1) < 1;
  const floor = Math.max(profile.difficultyMin, isFractional ? 0 : 1);
  const lowered = isUnknown ? Math.min(floor, asked ?? floor) : floor;
  return isUnknown || !port.vardiff ? Math.min(lowered, port.start) : lowered;
}

/** Some firmware cuts fractions off: what it then hands in would be refused. Below 1 the operator's start is deliberate. */
function wholeFrom1(difficulty: number, { fractionalDifficulty }: DifficultyTraits): number {
  return fractionalDifficulty || difficulty < 1 ? difficulty : Math.ceil(difficulty);
}

/** The next power of two within the bounds: rental proxies round targets to them, and so change nothing. */
function stepUp(difficulty: number, min: number, max: number): number {
  return clamp(powerOfTwoAtLeast(clamp(difficulty, min, max)), min, max);
}
