import { expect, test } from "vitest";
import type { FirmwareProfile } from "../../../src/stratum/firmware.ts";
import { compileAgentPattern, createFirmwareTable } from "../../../src/stratum/firmware.ts";
import { randomSource } from "../../support/random.ts";

function profile(name: string, ...agents: string[]): FirmwareProfile {
  return {
    name,
    agents,
    examples: [],
    about: "A client of a test.",
    sources: [],
    coinbaseBytes: 750,
    difficultyMin: 1,
    difficultyStart: undefined,
    fractionalDifficulty: false,
    extranonce2Bytes: { min: 4, max: 8 },
    versionMaskMessage: "before-first-job",
    followsRaises: true,
    easesBeforeFirstShare: true,
    userNameBytes: 512,
    userNameCut: undefined,
    showsMessages: false,
    followsReconnect: "same-host",
  };
}

const unknown = profile("default");

function nameFor(agent: string, ...profiles: FirmwareProfile[]): string {
  return createFirmwareTable({ profiles, unknown })(agent).name;
}

test.each([
  ["bitaxe/*", "bitaxe/BM1370/v2.13.1"],
  ["bitaxe/*", "bitaxe/"],
  ["BitAxe/*", "bItaXe/x"],
  ["*bosminer*", "2026-plus;bosminer-plus-tuner 0.9.0"],
  ["*bosminer*", "bosminer"],
  ["NiceHash", "nicehash"],
  ["a*b*c", "abc"],
  ["a*b*c", "a-bcb-c"],
  ["*ab*ab", "abab"],
  ["**", ""],
  ["", ""],
  ["a.c", "a.c"],
  ["(x)+|[y]", "(x)+|[y]"],
])("%j matches %j", (pattern, agent) => {
  expect(compileAgentPattern(pattern)(agent)).toBe(true);
});

test.each([
  ["bitaxe/*", "bitaxe"],
  ["bitaxe/*", " bitaxe/1"],
  ["Antminer S21/*", "Antminer S21 Pro/Fri Aug 30"],
  ["Antminer S21/*", "Antminer S21+/Tue Apr 22"],
  ["NiceHash", "NiceHash/1.0.0"],
  ["a*a", "a"],
  ["ab*ba", "aba"],
  ["a*b*b", "ab"],
  ["*ab*ab", "ab"],
  ["", "x"],
  ["a.c", "abc"],
])("%j does not match %j: the whole agent is meant, and nothing but * is special", (pattern, agent) => {
  expect(compileAgentPattern(pattern)(agent)).toBe(false);
});

test("patterns mean what the same regular expressions mean", () => {
  const random = randomSource(7);
  const word = (letters: string, length: number) =>
    Array.from(
      { length: random.integer(0, length) },
      () => letters[random.integer(0, letters.length - 1)],
    ).join("");
  for (let round = 0; round < 20_000; round++) {
    const pattern = word("ab*", 7);
    const agent = word("aB", 9);
    const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "i").test(agent);
    expect(compileAgentPattern(pattern)(agent), `${pattern} on ${agent}`).toBe(expected);
  }
});

test("no agent makes a pattern with many stars try again and again", () => {
  const matches = compileAgentPattern(`${"*a".repeat(60)}*b`);
  for (let round = 0; round < 1000; round++) expect(matches("a".repeat(128))).toBe(false);
});

test("the first profile in file order wins, whichever of its patterns matches", () => {
  const profiles = [profile("s21", "Antminer S21/*"), profile("bitmain", "bmminer/*", "Antminer*")];
  expect(nameFor("Antminer S21/Fri Feb 2", ...profiles)).toBe("s21");
  expect(nameFor("Antminer S21 Pro/Fri Aug 30", ...profiles)).toBe("bitmain");
  expect(nameFor("BMMiner/2.0.0", ...profiles)).toBe("bitmain");
});

test("what none matches is unknown, the client without an agent too", () => {
  expect(nameFor("brand new/1", profile("known", "known*"))).toBe("default");
  expect(nameFor("", profile("known", "known*"))).toBe("default");
  expect(nameFor("", profile("unnamed", ""))).toBe("unnamed");
});

test("an agent meets the same profile each time, however many others came between", () => {
  const match = createFirmwareTable({ profiles: [profile("known", "known*")], unknown });
  for (let round = 0; round < 3000; round++) {
    expect(match("known/1").name).toBe("known");
    expect(match(`stranger/${round}`)).toBe(unknown);
    expect(match(`known/${round}`).name).toBe("known");
  }
});
