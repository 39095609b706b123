import { expect, test } from "vitest";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { encodeTrue } from "../../../../src/protocol/v1/answer.ts";
import type { Configure } from "../../../../src/protocol/v1/configure.ts";
import {
  decodeConfiguration,
  decodeConfigure,
  encodeConfiguration,
  encodeConfigure,
} from "../../../../src/protocol/v1/configure.ts";
import type { Json } from "../../../../src/protocol/v1/json.ts";
import type { Line } from "../../../../src/protocol/v1/line.ts";
import { readLine } from "../../../../src/protocol/v1/line.ts";

const lineOf = (text: string) => readLine(Buffer.from(text.trimEnd())) as Line;

/** The request for these extensions with these parameters. */
function aRequest(extensions: string[], options: Record<string, Json> = {}): Configure {
  return decodeConfigure([extensions, new Map(Object.entries(options))]) as Configure;
}

const all = ["version-rolling", "minimum-difficulty", "subscribe-extranonce", "info"];

test("all four extensions of BIP 310 are read from one request", () => {
  const request = aRequest(all, {
    "version-rolling.mask": "1fffe000",
    "version-rolling.min-bit-count": 2,
    "minimum-difficulty.value": 2048,
    "info.connection-url": "stratum+tcp://pool:3333",
    "info.hw-version": "S19",
    "info.sw-version": "22.08",
    "info.hw-id": "abc",
  });
  expect(request).toEqual({
    extensions: all,
    versionMask: 0x1fffe000,
    minBitCount: 2,
    minimumDifficulty: 2048,
    subscribesExtranonce: true,
    info: {
      connectionUrl: "stratum+tcp://pool:3333",
      hardwareVersion: "S19",
      softwareVersion: "22.08",
      hardwareId: "abc",
    },
    problems: new Map(),
  });
});

test("what is not asked for is not read, whatever its parameters", () => {
  const options = { "version-rolling.mask": 7, "minimum-difficulty.value": "x", "info.hw-id": "abc" };
  expect(aRequest(["other"], options)).toEqual({
    extensions: ["other"],
    versionMask: undefined,
    minBitCount: undefined,
    minimumDifficulty: undefined,
    subscribesExtranonce: false,
    info: undefined,
    problems: new Map(),
  });
});

test("each extension is answered once and in the order of the request, unknown ones with false", () => {
  const request = aRequest(["a", "version-rolling", 'b"', "a", "minimum-difficulty", "__proto__"]);
  const answer = encodeConfiguration('"x"', request, { versionMask: 0xe000, minimumDifficulty: 0.5 });
  expect(answer).toBe(
    `{"id":"x","result":{"a":false,"version-rolling":true,"version-rolling.mask":"0000e000",${[
      '"b\\"":false',
      '"minimum-difficulty":true,"minimum-difficulty.value":0.5',
      '"__proto__":false',
    ].join(",")}},"error":null}\n`,
  );
});

test("what the pool does not grant is answered with false, what it grants with true", () => {
  const none = encodeConfiguration("1", aRequest(all), {});
  expect(JSON.parse(none).result).toEqual({
    "version-rolling": false,
    "minimum-difficulty": false,
    "subscribe-extranonce": false,
    info: false,
  });
  const every = encodeConfiguration("1", aRequest(all), {
    versionMask: 0x1fffe000,
    minimumDifficulty: 1e21,
    subscribeExtranonce: true,
    info: true,
  });
  expect(JSON.parse(every).result).toEqual({
    "version-rolling": true,
    "version-rolling.mask": "1fffe000",
    "minimum-difficulty": true,
    "minimum-difficulty.value": 1e21,
    "subscribe-extranonce": true,
    info: true,
  });
  expect(JSON.parse(encodeConfiguration("1", aRequest([]), {})).result).toEqual({});
});

test("the pool's own miner asks for version rolling and reads the mask it is given", () => {
  const request = decodeConfigure(lineOf(encodeConfigure(1, 0x1fffe000)).params) as Configure;
  expect(request).toMatchObject({
    extensions: ["version-rolling"],
    versionMask: 0x1fffe000,
    minBitCount: 2,
  });
  const answer = encodeConfiguration("1", request, { versionMask: 0xe000 });
  expect(decodeConfiguration(lineOf(answer).result)).toBe(0xe000);
  expect(decodeConfiguration(lineOf(encodeConfiguration("1", request, {})).result)).toBe(0);
  expect(decodeConfiguration(lineOf(encodeTrue("1")).result)).toBe(0);
});

test("BIP 310: without a mask the client can roll every bit", () => {
  expect(decodeConfigure([["version-rolling"]])).toMatchObject({ versionMask: 0xffffffff });
  expect(decodeConfigure([["version-rolling"], null])).toMatchObject({ versionMask: 0xffffffff });
  expect(aRequest(["version-rolling"], { "version-rolling.mask": null })).toMatchObject({
    versionMask: 0xffffffff,
  });
});

test.each([
  [16, 16],
  [0, 0],
  ["00000010", 16],
  [0xffffffff, 0xffffffff],
  [undefined, undefined],
  [null, undefined],
  [-1, undefined],
  [1.5, undefined],
  [2 ** 32, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  ["many", undefined],
  [[], undefined],
])("the bit count %j is read as %j, and nobody is refused for it", (value, count) => {
  const options = value === undefined ? {} : { "version-rolling.min-bit-count": value };
  const request = aRequest(["version-rolling"], options);
  expect(request).toMatchObject({ minBitCount: count, versionMask: 0xffffffff, problems: new Map() });
});

test.each([
  [150000, 150000],
  [0.00015, 0.00015],
  ["2048", 2048],
  ["1e3", 1000],
  [0, 0],
  [undefined, undefined],
  [null, undefined],
])("the minimum difficulty %j is read as %j", (value, difficulty) => {
  const options = value === undefined ? {} : { "minimum-difficulty.value": value };
  const request = aRequest(["minimum-difficulty"], options);
  expect(request).toMatchObject({ minimumDifficulty: difficulty, problems: new Map() });
});

test.each<[string, string, Json]>([
  ["version-rolling", "version-rolling.mask", "0x1fffe000"],
  ["version-rolling", "version-rolling.mask", ""],
  ["version-rolling", "version-rolling.mask", "1fffe0000"],
  ["version-rolling", "version-rolling.mask", "x"],
  ["version-rolling", "version-rolling.mask", 0x1fffe000],
  ["version-rolling", "version-rolling.mask", []],
  ["minimum-difficulty", "minimum-difficulty.value", -1],
  ["minimum-difficulty", "minimum-difficulty.value", "-1"],
  ["minimum-difficulty", "minimum-difficulty.value", "0x10"],
  ["minimum-difficulty", "minimum-difficulty.value", "1e999"],
  ["minimum-difficulty", "minimum-difficulty.value", ""],
  ["minimum-difficulty", "minimum-difficulty.value", true],
  ["minimum-difficulty", "minimum-difficulty.value", Number.POSITIVE_INFINITY],
  ["minimum-difficulty", "minimum-difficulty.value", new Map()],
])("BIP 310: %s with %s %j is answered with what is wrong, and the others hold", (name, key, value) => {
  const request = aRequest([name, "subscribe-extranonce"], { [key]: value });
  expect(request.versionMask).toBeUndefined();
  expect(request.minimumDifficulty).toBeUndefined();
  const answers = { versionMask: 0xe000, minimumDifficulty: 1, subscribeExtranonce: true };
  expect(JSON.parse(encodeConfiguration("1", request, answers)).result).toEqual({
    [name]: expect.stringContaining(key),
    "subscribe-extranonce": true,
  });
});

test("a device's words about itself are cut and harmless, and what is no text is left out", () => {
  const request = aRequest(["info"], {
    "info.connection-url": `\u0000é${"x".repeat(500)}`,
    "info.hw-version": 7,
    "info.sw-version": null,
  });
  expect(request.info).toEqual({
    connectionUrl: `__${"x".repeat(126)}`,
    hardwareVersion: "",
    softwareVersion: "",
    hardwareId: "",
  });
});

test.each<[string, Json[]]>([
  ["no extensions", []],
  ["null for the extensions", [null]],
  ["a text for the extensions", ["version-rolling"]],
  ["an object for the extensions", [new Map([["version-rolling", true]])]],
  ["a number among the extensions", [["version-rolling", 1]]],
  ["17 extensions", [Array.from({ length: 17 }, () => "x")]],
  ["a name of 65 characters", [["x".repeat(65)]]],
  ["an array for the parameters", [["version-rolling"], []]],
  ["a text for the parameters", [["version-rolling"], "{}"]],
])("%s is malformed", (_, params) => {
  expect(decodeConfigure(params)).toBeInstanceOf(Malformed);
});
