import { expect, test } from "vitest";
import { boundsOf, type Wishes } from "../../../src/stratum/difficulty-bounds.ts";
import type { FirmwareProfile } from "../../../src/stratum/firmware.ts";
import { aFirmware, anUnknownFirmware } from "../../support/firmware.ts";

const port = { start: 1024, min: 0.001, max: 1_000_000, vardiff: true, sharesPerMinute: 6 };
const known = (changes: Partial<FirmwareProfile> = {}, wishes: Wishes = {}, ports = {}) =>
  boundsOf({ ...port, ...ports }, aFirmware(changes), wishes);
const unknown = (wishes: Wishes = {}, ports = {}) =>
  boundsOf({ ...port, ...ports }, anUnknownFirmware, wishes);

test("without wishes it is the port's start, between the device's floor and the port's bounds", () => {
  expect(unknown()).toEqual({ start: 1024, min: 1, max: 1_000_000, follows: true });
  expect(known({ difficultyMin: 256 })).toEqual({ start: 1024, min: 256, max: 1_000_000, follows: true });
  expect(known({ difficultyMin: 4096 }).start).toBe(4096);
});

test("a profile's start counts where difficulty follows the device, and not where the operator fixed it", () => {
  expect(known({ difficultyStart: 64 }).start).toBe(64);
  expect(known({ difficultyStart: 64 }, {}, { vardiff: false })).toMatchObject({
    start: 1024,
    follows: false,
  });
});

test("the port's bounds hold whatever is asked for", () => {
  for (const wish of ["fixed", "start", "suggested", "minimum"] as const) {
    for (const difficulty of [1e-300, 1e300]) {
      const { start, min, max } = unknown({ [wish]: difficulty });
      expect(start).toBeGreaterThanOrEqual(port.min);
      expect(start).toBeLessThanOrEqual(port.max);
      expect(min).toBeLessThanOrEqual(max);
      expect(min).toBeGreaterThanOrEqual(port.min);
      expect(max).toBe(port.max);
    }
  }
});

test("what is asked for becomes the next power of two, of which a password counts before a suggestion", () => {
  expect(unknown({ suggested: 100 }).start).toBe(128);
  expect(unknown({ suggested: 100, start: 300 }).start).toBe(512);
  expect(unknown({ suggested: 100, start: 300, fixed: 3000 })).toMatchObject({ start: 4096, follows: false });
});

test("a device that nobody knows may ask for less than 1; a known one has its floor", () => {
  expect(unknown({ suggested: 0.01 })).toMatchObject({ start: 0.015625, min: 0.01 });
  expect(known({ difficultyMin: 256 }, { suggested: 1 })).toMatchObject({ start: 256, min: 256 });
  expect(known({ difficultyMin: 0, fractionalDifficulty: true })).toMatchObject({ min: 0.001 });
  expect(known({ difficultyMin: 0 })).toMatchObject({ min: 1 });
});

test("the owner's minimum holds for start and for what follows", () => {
  expect(unknown({ minimum: 3000 })).toMatchObject({ start: 4096, min: 4096 });
  expect(unknown({ minimum: 3000, suggested: 16 })).toMatchObject({ start: 4096 });
});

test("what firmware was told at first is its most when it does not follow raises", () => {
  expect(known({ followsRaises: false }, { told: 512 })).toMatchObject({ start: 512, max: 512 });
  expect(known({ followsRaises: true }, { told: 512 }).max).toBe(port.max);
  expect(known({ followsRaises: false }).max).toBe(port.max);
});
