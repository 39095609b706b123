import { expect, test } from "vitest";
import { encodeTrue } from "../../../../src/protocol/v1/answer.ts";
import { decodeAuthorize, encodeAuthorize } from "../../../../src/protocol/v1/authorize.ts";
import {
  decodeConfiguration,
  decodeConfigure,
  encodeConfiguration,
  encodeConfigure,
} from "../../../../src/protocol/v1/configure.ts";
import { decodeJobId, encodeJobId } from "../../../../src/protocol/v1/job-id.ts";
import type { Line } from "../../../../src/protocol/v1/line.ts";
import { readLine } from "../../../../src/protocol/v1/line.ts";
import { Malformed } from "../../../../src/protocol/v1/malformed.ts";
import { decodeSetDifficulty, encodeSetDifficulty } from "../../../../src/protocol/v1/set-difficulty.ts";
import { decodeSubmit, encodeSubmit } from "../../../../src/protocol/v1/submit.ts";
import {
  decodeSubscribe,
  decodeSubscription,
  encodeSubscribe,
  encodeSubscription,
} from "../../../../src/protocol/v1/subscribe.ts";
import { splitUserName } from "../../../../src/protocol/v1/user-name.ts";

const lineOf = (text: string) => readLine(Buffer.from(text.trimEnd())) as Line;

test("a submission is read as it was written", () => {
  const share = {
    user: 'a"b.c',
    jobId: "000000000100",
    extranonce2: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 255),
    ntime: 0x65000000,
    nonce: 0xffffffff,
    versionBits: 0x1fffe000,
  };
  expect(decodeSubmit(lineOf(encodeSubmit(4, share)).params)).toEqual(share);
  const plain = { ...share, versionBits: undefined };
  expect(decodeSubmit(lineOf(encodeSubmit(4, plain)).params)).toEqual(plain);
});

test("short ntime, nonce and version bits are padded on the left; further parameters are ignored", () => {
  expect(decodeSubmit(["u", "j", "00000000000000fF", "1", "Ab", "2000", "x", 7])).toEqual({
    user: "u",
    jobId: "j",
    extranonce2: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 255),
    ntime: 1,
    nonce: 0xab,
    versionBits: 0x2000,
  });
});

test("null for the version bits is none", () => {
  expect(decodeSubmit(["u", "j", "0000000000000000", "1", "1", null])).toMatchObject({
    versionBits: undefined,
  });
});

test("a subscription is read as it was written", () => {
  const written = encodeSubscription("1", { sessionId: "ab", extranonce1: 0x01020304, extranonce2Size: 8 });
  expect(JSON.parse(written).result).toEqual([
    [
      ["mining.set_difficulty", "ab"],
      ["mining.notify", "ab"],
    ],
    "01020304",
    8,
  ]);
  expect(decodeSubscription(lineOf(written).result)).toEqual({
    extranonce1: Buffer.of(1, 2, 3, 4),
    extranonce2Size: 8,
  });
  expect(decodeSubscribe(lineOf(encodeSubscribe(1, "me/1")).params)).toEqual({
    agent: "me/1",
    sessionId: undefined,
  });
});

test("a client's name is cut and harmless, its session id is kept", () => {
  const { agent } = decodeSubscribe([`<b>\u0000é${"x".repeat(500)}`]) as { agent: string };
  expect(agent).toHaveLength(128);
  expect(agent.slice(0, 6)).toBe("<b>__x");
  expect(decodeSubscribe([null, "abc"])).toEqual({ agent: "", sessionId: "abc" });
  expect(decodeSubscribe([])).toEqual({ agent: "", sessionId: undefined });
});

test.each([
  [undefined],
  [true],
  [[]],
  [[[], 7, 8]],
  [[[], "0g", 8]],
  [[[], "00", "8"]],
  [[[], "00", 0]],
  [[[], "00", 1.5]],
  [[[], "00", 33]],
  [[[], "00".repeat(33), 8]],
])("a client refuses the subscription %j", (result) => {
  expect(decodeSubscription(result)).toBeInstanceOf(Malformed);
});

test("the password is not kept", () => {
  expect(decodeAuthorize(lineOf(encodeAuthorize(2, "user", "secret")).params)).toEqual({ user: "user" });
});

test.each([
  ["addr", "addr", ""],
  ["addr.", "addr", ""],
  ["addr.rig", "addr", "rig"],
  ["addr.rig.2", "addr", "rig.2"],
  ["addr.a%20b%2Ec", "addr", "a_b.c"],
  ["addr.%2541", "addr", "_41"],
  ["addr.%zz", "addr", "_zz"],
  ["addr.<script>", "addr", "_script_"],
  ["addr.é\u0000\n", "addr", "___"],
  ["addr.A-Z_a.z0:9@+-", "addr", "A-Z_a.z0:9@+-"],
  [".rig", "", "rig"],
  ["", "", ""],
])("the user name %j is the address %j and the worker %j", (user, address, worker) => {
  expect(splitUserName(user)).toEqual({ address, worker });
});

test("a worker's name has at most 128 characters, counted after decoding", () => {
  expect(splitUserName(`a.${"x".repeat(500)}`).worker).toBe("x".repeat(128));
  expect(splitUserName(`a.${"%41".repeat(500)}`).worker).toBe("A".repeat(128));
});

test("version rolling is answered with its mask, other extensions with false, each once", () => {
  const request = decodeConfigure(lineOf(encodeConfigure(1, 0x1fffe000)).params);
  expect(request).toEqual({ extensions: ["version-rolling"], versionMask: 0x1fffe000 });
  const answer = encodeConfiguration("1", ["a", "version-rolling", 'b"', "a"], 0xe000);
  expect(JSON.parse(answer).result).toEqual({
    a: false,
    "version-rolling": true,
    "version-rolling.mask": "0000e000",
    'b"': false,
  });
  expect(decodeConfiguration(lineOf(answer).result)).toBe(0xe000);
  expect(decodeConfiguration(lineOf(encodeTrue("1")).result)).toBe(0);
});

test("BIP 310: without a mask the client can roll every bit", () => {
  expect(decodeConfigure([["version-rolling"]])).toMatchObject({ versionMask: 0xffffffff });
  expect(decodeConfigure([["version-rolling"], null])).toMatchObject({ versionMask: 0xffffffff });
  expect(decodeConfigure([["minimum-difficulty"], new Map()])).toMatchObject({ versionMask: undefined });
});

test.each([1e-9, 0.00015, 1, 1024, 4.656542373906925e-10, 1e21, 5e-324])(
  "the difficulty %d is read as the very same double",
  (difficulty) => {
    expect(decodeSetDifficulty(lineOf(encodeSetDifficulty(difficulty)).params)).toBe(difficulty);
  },
);

test.each([["1"], [0], [-1], [null], [Number.POSITIVE_INFINITY], [undefined]])(
  "a client refuses the difficulty %j",
  (value) => {
    expect(decodeSetDifficulty(value === undefined ? [] : [value])).toBeInstanceOf(Malformed);
  },
);

test("a job's name is 10 digits of its number and 2 of its variant", () => {
  expect(encodeJobId(0xabcdef, 1)).toBe("0000abcdef01");
  expect(encodeJobId(2 ** 40 - 1, 255)).toBe("ffffffffffff");
  expect(decodeJobId("ffffffffffff")).toEqual({ number: 2 ** 40 - 1, variant: 255 });
  for (const text of [
    "",
    "0000ABCDEF01",
    "0000abcdef0",
    "0000abcdef011",
    "0x00abcdef01",
    " 000abcdef01",
    "0000abcdef01\n",
  ]) {
    expect(decodeJobId(text)).toBeUndefined();
  }
});
