import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { FirmwareFile } from "../../../src/config/firmware.ts";
import { loadFirmware, parseFirmware, shippedFirmwareFile } from "../../../src/config/firmware.ts";
import { createFirmwareTable } from "../../../src/stratum/firmware.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: string;
let remove: () => Promise<void>;
let shipped: FirmwareFile;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder("firmware"));
  shipped = await loadFirmware();
});
afterAll(() => remove());

const assumed = {
  coinbaseBytes: 750,
  difficultyMin: 1,
  fractionalDifficulty: false,
  extranonce2Bytes: { min: 4, max: 8 },
  versionMaskMessage: "before-first-job",
  followsRaises: true,
  easesBeforeFirstShare: true,
  userNameBytes: 512,
  showsMessages: false,
  followsReconnect: "same-host",
};

function row(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "device", agents: ["Device/*"], about: "A device of a test.", ...more };
}

function fileOf(...profiles: unknown[]): string {
  return stringify({ default: assumed, profiles });
}

function firmwareOf(source: string): FirmwareFile {
  const parsed = parseFirmware(source);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults, null, 2));
  return parsed.firmware;
}

function faultsOf(source: string): string[] {
  const parsed = parseFirmware(source);
  return parsed.ok ? [] : parsed.faults.map(({ path, message }) => `${path}: ${message}`);
}

describe("the file that comes with the program", () => {
  test("each example meets its own profile and no earlier one", () => {
    const match = createFirmwareTable(shipped);
    const met = shipped.profiles.flatMap(({ name, examples }) =>
      examples.map((agent) => ({ agent, name, met: match(agent).name })),
    );
    expect(met.length).toBeGreaterThan(shipped.profiles.length);
    expect(met.filter(({ name, met }) => met !== name)).toEqual([]);
  });

  test("each profile has an example", () => {
    expect(shipped.profiles.filter(({ examples }) => examples.length === 0)).toEqual([]);
  });

  test("the 8 bytes of extranonce2 that the pool grants fit each client", () => {
    const unfit = [...shipped.profiles, shipped.unknown].filter(
      ({ extranonce2Bytes: { min, max } }) => min > 8 || max < 8,
    );
    expect(unfit).toEqual([]);
  });

  test("unknown clients get the careful coinbase of old Antminers and whole difficulties from 1 on", () => {
    expect(shipped.unknown).toMatchObject({
      name: "default",
      coinbaseBytes: 750,
      difficultyMin: 1,
      difficultyStart: undefined,
      fractionalDifficulty: false,
    });
  });

  test.each([
    ["NiceHash/1.0.0", { coinbaseBytes: 500, difficultyMin: 524_288, difficultyStart: 524_288 }],
    ["Antminer S19 XP/Fri Apr 12 14:53:57 CST 2024", { coinbaseBytes: 750 }],
    [
      "Antminer S21/Sat Dec  2 10:40:05 CST 2023",
      { coinbaseBytes: 2250, versionMaskMessage: "before-first-job" },
    ],
    ["Antminer S21 Pro/Fri Aug 30 19:35:17 CST 2024", { coinbaseBytes: 750 }],
    ["Antminer S21+/Tue Apr 22 15:05:57 CST 2025", { coinbaseBytes: 750, versionMaskMessage: "never" }],
    ["whatsminer/v1.1", { coinbaseBytes: 6500, userNameBytes: 127, easesBeforeFirstShare: false }],
    ["xminer-1.2.6-rc5", { coinbaseBytes: 16_000 }],
    ["PowerPlay-BM/1.0", { coinbaseBytes: 16_000 }],
    ["bosminer-plus-tuner 0.9.3-5a7fd334", { coinbaseBytes: 2250 }],
    ["cgminer/4.11.1", { followsRaises: false, userNameCut: 63 }],
    ["cgminer/4.12.0", { followsRaises: true, showsMessages: true, followsReconnect: "same-domain" }],
    [
      "bitaxe/BM1366/v2.11.0",
      { coinbaseBytes: 6500, fractionalDifficulty: false, followsReconnect: "same-host" },
    ],
    ["NerdQAxe++/BM1370/v1.0.35", { fractionalDifficulty: false, followsReconnect: "never" }],
    ["NerdMinerV2/V1.8.2", { coinbaseBytes: 500, difficultyMin: 0.00001, fractionalDifficulty: true }],
    ["cpuminer/2.3.3", { fractionalDifficulty: true, followsReconnect: "anywhere" }],
    ["penstock-miner/1", { fractionalDifficulty: true }],
    ["", { extranonce2Bytes: { min: 7, max: 8 }, coinbaseBytes: 750 }],
  ])("%j is treated as its quirks demand", (agent, traits) => {
    expect(createFirmwareTable(shipped)(agent)).toMatchObject(traits);
  });
});

test("a profile has what default says in all that it leaves out, half of a pair too", () => {
  const { profiles, unknown } = firmwareOf(
    fileOf(
      row({ coinbaseBytes: 2250, extranonce2Bytes: { min: 2 } }),
      row({ name: "other", agents: ["Other"] }),
    ),
  );
  expect(profiles[0]).toMatchObject({
    ...assumed,
    coinbaseBytes: 2250,
    extranonce2Bytes: { min: 2, max: 8 },
  });
  expect(profiles[1]).toEqual({
    ...unknown,
    name: "other",
    agents: ["Other"],
    about: "A device of a test.",
  });
});

test("null in a profile takes back what default says", () => {
  const source = stringify({
    default: { ...assumed, difficultyStart: 4096, userNameCut: 63 },
    profiles: [row(), row({ name: "other", agents: ["Other"], difficultyStart: null, userNameCut: null })],
  });
  const [first, second] = firmwareOf(source).profiles;
  expect(first).toMatchObject({ difficultyStart: 4096, userNameCut: 63 });
  expect(second).toMatchObject({ difficultyStart: undefined, userNameCut: undefined });
});

describe("faults", () => {
  test("all are named at once, with the nearest key", () => {
    const faults = faultsOf(
      fileOf(
        row({ coinbasBytes: 1, userNameBytes: "long" }),
        row({ name: "Not Kebab", agents: [], followsReconnect: "away" }),
        row({ name: "third", agents: ["γ"], about: undefined }),
      ),
    );
    expect(faults).toEqual([
      "profiles[0].coinbasBytes: is not a known setting; did you mean coinbaseBytes?",
      'profiles[0].userNameBytes: "long" is not accepted; expected a whole number from 16 to 512',
      'profiles[1].name: "Not Kebab" is not accepted; expected at most 40 lower-case letters, digits and single hyphens',
      "profiles[1].agents: has 0 entries; expected 1 to 32",
      'profiles[1].followsReconnect: "away" is not accepted; expected anywhere, same-domain, same-host or never',
      'profiles[2].agents[0]: "γ" is not accepted; expected at most 128 printable ASCII characters',
      "profiles[2].about: is missing; it has no default. What it is, and what is special about it.",
    ]);
  });

  test("default must say everything, and what it lacks is not held against the profiles", () => {
    const { coinbaseBytes: _, extranonce2Bytes: __, ...less } = assumed;
    const faults = faultsOf(stringify({ default: less, profiles: [row()] }));
    expect(faults.map((fault) => fault.split(":")[0])).toEqual([
      "default.coinbaseBytes",
      "default.extranonce2Bytes.min",
      "default.extranonce2Bytes.max",
    ]);
    expect(faultsOf("").length).toBeGreaterThan(10);
  });

  test("names are distinct, and default is taken", () => {
    expect(faultsOf(fileOf(row(), row({ agents: ["x"] }), row({ name: "default", agents: ["y"] })))).toEqual([
      "profiles[1].name: device is taken; names are distinct",
      "profiles[2].name: default is taken; names are distinct",
    ]);
  });

  test("a pattern that stands in an earlier profile can never match", () => {
    expect(faultsOf(fileOf(row(), row({ name: "other", agents: ["other", "DEVICE/**"] })))).toEqual([
      "profiles[1].agents[1]: never matches: profiles[0] has the same pattern before it",
    ]);
  });

  test("a pattern for every client is refused: that is what default is for", () => {
    expect(faultsOf(fileOf(row({ agents: ["**"] })))).toEqual([
      "profiles[0].agents[0]: matches every client; say in default what all are assumed to be",
    ]);
  });

  test.each([{ min: 9, max: 16 }, { min: 2, max: 4 }, { min: 12 }])(
    "extranonce2Bytes of %j do not hold the 8 bytes that the pool grants",
    (extranonce2Bytes) => {
      expect(faultsOf(fileOf(row({ extranonce2Bytes })))).toEqual([
        expect.stringMatching(
          /^profiles\[0\].extranonce2Bytes: is \d+ to \d+; it must contain 8: the pool grants 8 bytes$/,
        ),
      ]);
    },
  );

  test("difficulties are whole for a client that understands no others, and start is not below min", () => {
    expect(faultsOf(fileOf(row({ difficultyMin: 0.5, difficultyStart: 1.5 })))).toEqual([
      "profiles[0].difficultyMin: is 0.5; without fractionalDifficulty it is a whole number from 1 on",
      "profiles[0].difficultyStart: is 1.5; without fractionalDifficulty it is a whole number from 1 on",
    ]);
    expect(
      faultsOf(fileOf(row({ difficultyMin: 0.5, difficultyStart: 0.5, fractionalDifficulty: true }))),
    ).toEqual([]);
    expect(faultsOf(fileOf(row({ difficultyMin: 1024, difficultyStart: 512 })))).toEqual([
      "profiles[0].difficultyStart: is below difficultyMin, 1024",
    ]);
  });

  test("what is no YAML, or a key twice, is a fault like any other", () => {
    expect(faultsOf("profiles: [")).toEqual([expect.stringMatching(/not valid YAML/)]);
    expect(faultsOf(`${fileOf(row())}profiles: []\n`)).toEqual(["profiles: is given twice; remove one"]);
  });
});

describe("a file of one's own", () => {
  const fileWith = async (name: string, contents: string | Buffer) => {
    const file = join(folder, name);
    await writeFile(file, contents);
    return file;
  };

  test("takes the place of the one that comes with the program", async () => {
    const { profiles } = await loadFirmware(await fileWith("own.yaml", fileOf(row())));
    expect(profiles.map(({ name }) => name)).toEqual(["device"]);
    expect(await loadFirmware(null)).toEqual(shipped);
  });

  test("has its faults in one error, a line for each", async () => {
    const source = (await readFile(shippedFirmwareFile, "utf8")).replace("name: nicehash", "name: Nice Hash");
    const line = source.split("\n").findIndex((text) => text.includes("Nice Hash")) + 1;
    const file = await fileWith("bad.yaml", `${source}\nsurplus: 1\n`);
    await expect(loadFirmware(file)).rejects.toMatchObject({
      code: "FIRMWARE_INVALID",
      message: expect.stringMatching(
        new RegExp(`has 2 faults:\\n {2}line \\d+: surplus: .*\\n {2}line ${line}: profiles\\[0\\].name: `),
      ),
    });
  });

  test("that cannot be read says where it was looked for", async () => {
    await mkdir(join(folder, "inner"));
    const files = [
      join(folder, "none.yaml"),
      join(folder, "inner"),
      await fileWith("huge.yaml", Buffer.alloc(1_048_577, 0x20)),
      await fileWith("binary.yaml", Buffer.from([0xff, 0xfe, 0x00])),
    ];
    for (const file of files) {
      await expect(loadFirmware(file)).rejects.toMatchObject({
        code: "FIRMWARE_UNREADABLE",
        message: expect.stringContaining(file),
      });
    }
  });
});
