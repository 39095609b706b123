import { expect, test } from "vitest";
import { setupFlags, setupSuccessFlags } from "../../../../src/protocol/v2/common.ts";
import { agentOf, judgeSetup } from "../../../../src/stratum/v2/setup.ts";
import { usualSetup } from "../../../support/frame-client.ts";

test.each([
  [2, 2],
  [0, 0xffff],
])("the versions from %d to %d include ours", (minVersion, maxVersion) => {
  expect(judgeSetup({ ...usualSetup, minVersion, maxVersion }, true)).toEqual({
    isAccepted: true,
    answer: { usedVersion: 2, flags: 0 },
    standardJobsOnly: false,
  });
});

test("of all flags at once, those that are not served are named, the highest among them", () => {
  expect(judgeSetup({ ...usualSetup, flags: 0xffffffff }, true).answer).toEqual({
    errorCode: "unsupported-feature-flags",
    flags: 0xfffffffa,
  });
  expect(judgeSetup({ ...usualSetup, flags: 0xffffffff }, false).answer.flags).toBe(0xfffffffe);
});

test("the protocol is asked before the version, and that before the flags", () => {
  const all = { ...usualSetup, protocol: 1, minVersion: 9, flags: setupFlags.requiresWorkSelection };
  const codes = [all, { ...all, protocol: 0 }, { ...all, protocol: 0, minVersion: 2 }].map(
    (setup) => (judgeSetup(setup, true).answer as { errorCode?: string }).errorCode,
  );
  expect(codes).toEqual(["unsupported-protocol", "protocol-version-mismatch", "unsupported-feature-flags"]);
});

test("where versions are fixed the client is told", () => {
  expect(judgeSetup(usualSetup, false).answer.flags).toBe(setupSuccessFlags.requiresFixedVersion);
});

test.each([
  [{ vendor: "Bitaxe", hardwareVersion: "601", firmware: "v2.9.0" }, "Bitaxe/601/v2.9.0"],
  [{ vendor: "Bitaxe", hardwareVersion: "", firmware: "v2" }, "Bitaxe/v2"],
  [{ vendor: "", hardwareVersion: "", firmware: "" }, ""],
  [{ vendor: "a\u0000\u0000", hardwareVersion: "\u200fb", firmware: "\u007f" }, "a/b"],
  [{ vendor: "x".repeat(255), hardwareVersion: "y", firmware: "" }, "x".repeat(128)],
])("%j calls itself %j", (texts, agent) => {
  expect(agentOf({ ...usualSetup, ...texts })).toBe(agent);
});
