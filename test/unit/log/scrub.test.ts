import { describe, expect, test } from "vitest";
import { createScrubber } from "../../../src/log/scrub.ts";

const scrub = createScrubber(["canary-4711", 'quo"ted\\canary', "p@ss word/canary", "short"]);

function line(fields: object): string {
  return `${JSON.stringify(fields)}\n`;
}

describe("known secrets", () => {
  test.each([
    ["as a value", { a: "canary-4711" }],
    ["inside a sentence", { msg: "login pool:canary-4711 failed" }],
    ["deep inside", { a: { b: [{ c: { d: "xcanary-4711x" } }] } }],
    ["as a key", { "canary-4711": 1 }],
    ["escaped by JSON", { msg: 'said quo"ted\\canary' }],
    ["encoded for a URL", { url: `http://h/?p=${encodeURIComponent("p@ss word/canary")}` }],
    ["in a stack", { err: { stack: new Error("canary-4711").stack } }],
  ])("are removed %s", (_, fields) => {
    const clean = scrub(line(fields));
    expect(clean).not.toContain("canary");
    expect(() => JSON.parse(clean)).not.toThrow();
  });

  test("too short to be told from text are not looked for", () => {
    expect(scrub(line({ msg: "a short sentence" }))).toBe(line({ msg: "a short sentence" }));
  });

  test("a secret inside another leaves nothing of the longer one", () => {
    const both = createScrubber(["canary", "canary-and-more"]);
    expect(both(line({ msg: "canary-and-more" }))).toBe(line({ msg: "[redacted]" }));
  });
});

describe("what looks like a secret", () => {
  test.each([
    [{ password: "x1" }],
    [{ rpcPassword: "x1" }],
    [{ node: { password: "x1" } }],
    [{ Authorization: "Basic x1" }],
    [{ authority_private_key: "x1" }],
    [{ token: 123_123 }],
    [{ sessionSecret: 'x1"x1' }],
    [{ url: "postgres://pool:x1@db/penstock" }],
    [{ msg: "connecting to redis://:x1@host failed" }],
    [{ msg: "authorization: Basic cG9vbDp4MXgxeDF4MQ==" }],
  ])("%j loses its value and stays JSON", (fields) => {
    const clean = scrub(line(fields));
    expect(clean).not.toMatch(/x1|123123|cG9v/);
    expect(clean).toContain("[redacted]");
    expect(() => JSON.parse(clean)).not.toThrow();
  });

  test.each([
    [{ event: "node-unauthorized", node: "127.0.0.1:8332", cookieFile: "/home/bitcoin/.cookie" }],
    [{ msg: "see https://example.org:8080/path?x=a@b" }],
    [{ passwordGiven: true, tokens: ["a"] }],
    [{ authorization: { result: 1, list: [{}] } }],
  ])("%j is left as it is", (fields) => {
    expect(scrub(line(fields))).toBe(line(fields));
  });
});

test("a long line of a miner's choosing takes no time", () => {
  const pieces = [
    "x",
    "a:",
    "://",
    "://u:",
    '"',
    '"password',
    '"password" ',
    "\\",
    "basic ",
    " ",
    "@",
    "a1+.-",
  ];
  const startedMs = performance.now();
  for (const piece of pieces) {
    const long = piece.repeat(100_000 / piece.length);
    scrub(line({ msg: long, [long]: long }));
    scrub(long);
  }
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});
