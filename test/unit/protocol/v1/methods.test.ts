import { expect, test } from "vitest";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { decodeAnswer } from "../../../../src/protocol/v1/answer.ts";
import { decodeAuthorize, encodeAuthorize } from "../../../../src/protocol/v1/authorize.ts";
import { decodeGetTransactions, encodeTransactions } from "../../../../src/protocol/v1/get-transactions.ts";
import { decodeVersion, encodeGetVersion } from "../../../../src/protocol/v1/get-version.ts";
import { decodeJobId, encodeJobId } from "../../../../src/protocol/v1/job-id.ts";
import type { Json } from "../../../../src/protocol/v1/json.ts";
import type { Line } from "../../../../src/protocol/v1/line.ts";
import { readLine } from "../../../../src/protocol/v1/line.ts";
import { encodePing, encodePong, isPong } from "../../../../src/protocol/v1/ping.ts";
import { encodeReconnect } from "../../../../src/protocol/v1/reconnect.ts";
import { decodeSetDifficulty, encodeSetDifficulty } from "../../../../src/protocol/v1/set-difficulty.ts";
import { decodeSetExtranonce, encodeSetExtranonce } from "../../../../src/protocol/v1/set-extranonce.ts";
import { decodeSetVersionMask, encodeSetVersionMask } from "../../../../src/protocol/v1/set-version-mask.ts";
import { decodeShowMessage, encodeShowMessage } from "../../../../src/protocol/v1/show-message.ts";
import { decodeSubmit, encodeSubmit } from "../../../../src/protocol/v1/submit.ts";
import {
  decodeSubscribe,
  decodeSubscription,
  encodeSubscribe,
  encodeSubscription,
} from "../../../../src/protocol/v1/subscribe.ts";
import { decodeSuggestDifficulty } from "../../../../src/protocol/v1/suggest-difficulty.ts";
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
  const { agent } = decodeSubscribe([`<b>\u0000é${"x".repeat(500)}`]);
  expect(agent).toHaveLength(128);
  expect(agent.slice(0, 6)).toBe("<b>__x");
  expect(decodeSubscribe([null, "abc"])).toEqual({ agent: "", sessionId: "abc" });
  expect(decodeSubscribe(["x", "a".repeat(64), "host", 3333])).toEqual({
    agent: "x",
    sessionId: "a".repeat(64),
  });
});

test.each<[Json[]]>([
  [[]],
  [[null]],
  [[1]],
  [[["x"]]],
  [[new Map()]],
  [["", null]],
  [["", 7]],
  [["", ["abc"]]],
  [["", ""]],
  [["", "a".repeat(65)]],
])("a subscription with the parameters %j is one without a name and a session id", (params) => {
  expect(decodeSubscribe(params)).toEqual({ agent: "", sessionId: undefined });
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

test("an authorization is read as it was written", () => {
  expect(decodeAuthorize(lineOf(encodeAuthorize(2, 'us"er', "d=1,x")).params)).toEqual({
    user: 'us"er',
    password: "d=1,x",
  });
});

test.each<[Json[]]>([[["user"]], [["user", null]], [["user", 7]], [["user", ["x"]]], [["user", ""]]])(
  "%j has no password",
  (params) => {
    expect(decodeAuthorize(params)).toEqual({ user: "user", password: "" });
  },
);

test.each<[Json[]]>([[[]], [[null, "x"]], [[7]], [[["user"]]], [[new Map()]]])(
  "an authorization with the parameters %j is malformed",
  (params) => {
    expect(decodeAuthorize(params)).toBeInstanceOf(Malformed);
  },
);

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
  ["addr%2Erig", "addr", "rig"],
  ["addr%2erig%2E2", "addr", "rig.2"],
  ["addr%2Erig.2", "addr%2Erig", "2"],
  ["addr%252Erig", "addr%252Erig", ""],
  ["addr%2E", "addr", ""],
  ["%2Erig", "", "rig"],
  [".rig", "", "rig"],
  ["", "", ""],
])("the user name %j is the address %j and the worker %j", (user, address, worker) => {
  expect(splitUserName(user)).toEqual({ address, worker });
});

test("a worker's name has at most 128 characters, counted after decoding", () => {
  expect(splitUserName(`a.${"x".repeat(500)}`).worker).toBe("x".repeat(128));
  expect(splitUserName(`a.${"%41".repeat(500)}`).worker).toBe("A".repeat(128));
});

test("a name that firmware cut to 63 characters keeps its address", () => {
  const address = "bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297";
  const name = `${address}.rig-in-the-cellar`;
  expect(splitUserName(name.slice(0, 63))).toEqual({ address, worker: "" });
  expect(splitUserName(`bc1qaddress.${"x".repeat(100)}`.slice(0, 63)).address).toBe("bc1qaddress");
});

test("a name of 127 characters, the longest that some firmware can send, is kept whole", () => {
  const worker = "w".repeat(127 - "addr.".length);
  expect(splitUserName(`addr.${worker}`)).toEqual({ address: "addr", worker });
});

test.each([
  [0.00015, 0.00015],
  [1024, 1024],
  ["512", 512],
  ["1e3", 1000],
  ["0.5", 0.5],
  [5e-324, 5e-324],
])("the suggested difficulty %j is %d", (value, difficulty) => {
  expect(decodeSuggestDifficulty([value, "more"])).toBe(difficulty);
});

test.each<[Json | undefined]>([
  [undefined],
  [null],
  [0],
  [-1],
  [Number.POSITIVE_INFINITY],
  ["0"],
  ["-1"],
  ["+1"],
  [""],
  [" 1"],
  ["0x10"],
  ["1e999"],
  ["NaN"],
  ["Infinity"],
  ["1,5"],
  ["1n"],
  ["1".repeat(65)],
  [true],
  [[1]],
  [new Map()],
])("the suggested difficulty %j is malformed", (value) => {
  expect(decodeSuggestDifficulty(value === undefined ? [] : [value])).toBeInstanceOf(Malformed);
});

test("transactions are answered in hex, for the job that is named", () => {
  expect(decodeGetTransactions(["000000000100"])).toBe("000000000100");
  expect(encodeTransactions("7", ["00", "0102"])).toBe('{"id":7,"result":["00","0102"],"error":null}\n');
  expect(encodeTransactions("7", [])).toBe('{"id":7,"result":[],"error":null}\n');
});

test.each<[Json[]]>([[[]], [[null]], [[1]], [[["000000000100"]]]])(
  "a request for the transactions of %j is malformed",
  (params) => {
    expect(decodeGetTransactions(params)).toBeInstanceOf(Malformed);
  },
);

test("a ping is answered with pong, and a pong that comes as a request is known as one", () => {
  expect(encodePong('"a"')).toBe('{"id":"a","result":"pong","error":null}\n');
  expect(lineOf(encodePing(9))).toMatchObject({ idText: "9", method: "mining.ping", params: [] });
  expect(["pong", "mining.pong", "mining.ping", "Pong", ""].map(isPong)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("a client is asked to connect again, here or elsewhere", () => {
  expect(encodeReconnect()).toBe('{"id":null,"method":"client.reconnect","params":[]}\n');
  expect(encodeReconnect({ host: "pool.example", port: 3333, waitSeconds: 5 })).toBe(
    '{"id":null,"method":"client.reconnect","params":["pool.example",3333,5]}\n',
  );
});

test("a message to people is cut to 256 printable characters", () => {
  const line = lineOf(encodeShowMessage(`"hi"\n\u001bé${"x".repeat(500)}`));
  expect(line).toMatchObject({ idText: "null", method: "client.show_message" });
  expect(decodeShowMessage(line.params)).toBe(`"hi"___${"x".repeat(249)}`);
  expect(decodeShowMessage([`\u001b[2J${"x".repeat(500)}`])).toBe(`_[2J${"x".repeat(252)}`);
  expect(decodeShowMessage([])).toBe("");
  expect(decodeShowMessage([7])).toBe("");
});

test("a client is asked what it is, and its answer is cut like its name", () => {
  expect(lineOf(encodeGetVersion(3))).toMatchObject({
    idText: "3",
    method: "client.get_version",
    params: [],
  });
  const answer = lineOf(`{"id":3,"result":"cgminer/4.12\\u0000${"x".repeat(500)}","error":null}`);
  expect(decodeVersion(decodeAnswer(answer).result)).toBe(`cgminer/4.12_${"x".repeat(115)}`);
});

test.each<[Json | undefined]>([[undefined], [null], [true], [1], [["cgminer"]], [new Map()]])(
  "%j is no client's version",
  (result) => {
    expect(decodeVersion(result)).toBeInstanceOf(Malformed);
  },
);

test("a new extranonce1 is read as it was written", () => {
  const line = lineOf(encodeSetExtranonce(0xab, 8));
  expect(line).toMatchObject({ idText: "null", method: "mining.set_extranonce", params: ["000000ab", 8] });
  expect(decodeSetExtranonce(line.params)).toEqual({
    extranonce1: Buffer.of(0, 0, 0, 0xab),
    extranonce2Size: 8,
  });
});

test.each<[Json[]]>([
  [[]],
  [[7, 8]],
  [["0", 8]],
  [["0g", 8]],
  [["00".repeat(33), 8]],
  [["00"]],
  [["00", "8"]],
  [["00", 0]],
  [["00", 1.5]],
  [["00", 33]],
])("a client refuses the extranonce %j", (params) => {
  expect(decodeSetExtranonce(params)).toBeInstanceOf(Malformed);
});

test("a new version mask is read as it was written", () => {
  const line = lineOf(encodeSetVersionMask(0x3000));
  expect(line).toMatchObject({ idText: "null", method: "mining.set_version_mask", params: ["00003000"] });
  expect(decodeSetVersionMask(line.params)).toBe(0x3000);
});

test.each<[Json[]]>([[[]], [[null]], [[0x3000]], [[""]], [["0x3000"]], [["000003000"]]])(
  "a client refuses the version mask %j",
  (params) => {
    expect(decodeSetVersionMask(params)).toBeInstanceOf(Malformed);
  },
);

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
