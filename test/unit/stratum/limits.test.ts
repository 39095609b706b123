import { expect, test } from "vitest";
import { defaultLimits } from "../../../src/stratum/limits.ts";
import { configOf, minimal } from "../config/builders.ts";

test("the limits that the server has by itself are the settings' defaults", () => {
  const { connections, seenShares, ...limits } = configOf(minimal()).stratum.limits;
  expect(connections).toBe("auto");
  // Hashes are remembered by shares/; how often deadlines are looked at is no setting.
  const { sweepSeconds, ...others } = defaultLimits;
  expect(others).toEqual({ connections: undefined, ...limits });
});
