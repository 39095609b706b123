import { expect, test } from "vitest";
import {
  type ControlCommand,
  type ControlHandlers,
  controlVersion,
  encodeAnswer,
  encodeFailure,
  encodeRequest,
  handleRequest,
  maxAnswerBytes,
  maxRequestBytes,
  readAnswer,
} from "../../../src/control/protocol.ts";
import { PoolError } from "../../../src/errors.ts";
import { mostBans, mostCommandedBans } from "../../../src/stratum/bans.ts";

const ban = { network: "10.0.0.0/8", untilMs: 1_700_000_000_000, cause: "command", round: 0 };

/** Handlers that note what they were asked. */
function noting(): { readonly asked: unknown[]; readonly handlers: ControlHandlers } {
  const asked: unknown[] = [];
  const note =
    <Answer>(command: ControlCommand, answer: Answer) =>
    (request: unknown): Answer => {
      asked.push([command, request]);
      return answer;
    };
  const handlers: ControlHandlers = {
    "bans-list": note("bans-list", { bans: [ban] }),
    "bans-add": note("bans-add", { ban }),
    "bans-lift": note("bans-lift", { lifted: 1, stillBannedBy: null }),
    message: note("message", { connections: 3 }),
    drain: note("drain", { connections: 4 }),
  };
  return { asked, handlers };
}

const refusalOf = async (line: string): Promise<unknown> => {
  const { asked, handlers } = noting();
  const refusal = await handleRequest(line, handlers).catch((error) => error);
  expect(asked).toEqual([]);
  return refusal.code;
};

const lineOf = (command: string, request: unknown, version: unknown = controlVersion) =>
  JSON.stringify({ version, command, request });

test("every command reaches its handler with its request, and the answer comes back", async () => {
  const { asked, handlers } = noting();
  const exchange = async <C extends ControlCommand>(
    command: C,
    request: Parameters<typeof encodeRequest<C>>[1],
  ) => {
    const line = encodeRequest(command, request);
    expect(line.endsWith("\n")).toBe(true);
    return readAnswer(command, encodeAnswer(await handleRequest(line, handlers)));
  };
  expect(await exchange("bans-list", {})).toEqual({ bans: [ban] });
  expect(await exchange("bans-add", { network: "10.0.0.0/8", forSeconds: 60 })).toEqual({ ban });
  expect(await exchange("bans-lift", { network: null })).toEqual({ lifted: 1, stillBannedBy: null });
  expect(await exchange("message", { text: "mañana ⛏" })).toEqual({ connections: 3 });
  const drain = { to: { host: "::1", port: 3333 }, overSeconds: 0 };
  expect(await exchange("drain", drain)).toEqual({ connections: 4 });
  expect(asked).toEqual([
    ["bans-list", {}],
    ["bans-add", { network: "10.0.0.0/8", forSeconds: 60 }],
    ["bans-lift", { network: null }],
    ["message", { text: "mañana ⛏" }],
    ["drain", drain],
  ]);
});

test.each(["", "{", "null", "[]", "42", '"bans-list"', "{}", '{"version":1}', '{"version":1,"command":7}'])(
  "%j is no request",
  async (line) => {
    expect(await refusalOf(line)).toBe("CONTROL_REQUEST_MALFORMED");
  },
);

test.each([0, 2, "1", null])("version %j is not spoken, whatever else is asked", async (version) => {
  expect(await refusalOf(lineOf("bans-list", {}, version))).toBe("CONTROL_VERSION_UNKNOWN");
  expect(await refusalOf(lineOf("of a later version", {}, version))).toBe("CONTROL_VERSION_UNKNOWN");
});

test.each(["", "stop", "constructor", "__proto__", "toString", "BANS-LIST"])(
  "%j is no command",
  async (command) => {
    expect(await refusalOf(lineOf(command, {}))).toBe("CONTROL_COMMAND_UNKNOWN");
  },
);

test.each<[ControlCommand, unknown]>([
  ["bans-list", undefined],
  ["bans-list", { all: true }],
  ["bans-add", {}],
  ["bans-add", { network: "", forSeconds: 1 }],
  ["bans-add", { network: "1.2.3.4" }],
  ["bans-add", { network: "1.2.3.4", forSeconds: 0 }],
  ["bans-add", { network: "1.2.3.4", forSeconds: -1 }],
  ["bans-add", { network: "1.2.3.4", forSeconds: "60" }],
  ["bans-add", { network: "1".repeat(65), forSeconds: 1 }],
  ["bans-lift", {}],
  ["bans-lift", { network: 7 }],
  ["message", {}],
  ["message", { text: "" }],
  ["message", { text: "two\nlines" }],
  ["message", { text: "\u001b[2J" }],
  ["message", { text: "x".repeat(257) }],
  ["drain", {}],
  ["drain", { to: null }],
  ["drain", { to: null, overSeconds: -1 }],
  ["drain", { to: null, overSeconds: 86_401 }],
  ["drain", { to: { host: "a b", port: 1 }, overSeconds: 1 }],
  ["drain", { to: { host: "a", port: 0 }, overSeconds: 1 }],
  ["drain", { to: { host: "a", port: 65_536 }, overSeconds: 1 }],
  ["drain", { to: { host: "", port: 1 }, overSeconds: 1 }],
])("%s with %j is refused before any handler sees it", async (command, request) => {
  expect(await refusalOf(lineOf(command, request))).toBe("CONTROL_REQUEST_MALFORMED");
});

test("what the pool refuses reads the same at the other end", () => {
  const refusal = new PoolError("BANS_FULL", "There are too many.", "Lift some.");
  expect(() => readAnswer("bans-add", encodeFailure(refusal))).toThrow(
    expect.objectContaining({ code: "BANS_FULL", message: "There are too many.", hint: "Lift some." }),
  );
});

test.each(["", "nonsense", "{}", '{"ok":1}', '{"ok":true}', '{"ok":true,"answer":{}}', '{"ok":false}'])(
  "%j is no answer",
  (line) => {
    expect(() => readAnswer("bans-lift", line)).toThrow(
      expect.objectContaining({ code: "CONTROL_ANSWER_MALFORMED" }),
    );
  },
);

test("the longest request and the longest list of bans are within the bounds", () => {
  const longest = encodeRequest("message", { text: "\u2028".repeat(256) });
  expect(Buffer.byteLength(longest)).toBeLessThan(maxRequestBytes);
  const widestBan = {
    network: "2001:db80:1111:2222:3333:4444:5555:6666/128",
    untilMs: 1_700_000_000_000,
    cause: "subscribe-timeout",
    round: 1000,
  };
  const bytes = Buffer.byteLength(JSON.stringify(widestBan)) + 1;
  expect(bytes * (mostBans + mostCommandedBans)).toBeLessThan(maxAnswerBytes);
});
