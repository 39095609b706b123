import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig, printConfig, secretsOf } from "../../../src/config/index.ts";
import { configOf, folder, minimal } from "./builders.ts";

const canaries = minimal({
  nodes: [
    { rpc: "http://127.0.0.1:8332", user: "pool", password: "canary-rpc-1" },
    { rpc: "http://127.0.0.1:8333", user: "pool", password: "canary-rpc-2" },
  ],
  database: { url: "postgres://pool:canary-p%40ss@db:5432/penstock" },
});

test("no secret is printed", () => {
  const printed = printConfig(configOf(canaries));
  expect(printed).not.toContain("canary");
  expect(printed).toContain("postgres://pool:[redacted]@db:5432/penstock");
});

test.each([
  "postgres://user:canary@host/db",
  "postgres://user:can:ary@host/db",
  "postgres://:canary@host/db",
  "postgresql://u:canary%2F@[::1]:5432/db?sslmode=require",
])("the password of %s is found and not printed", (url) => {
  const config = configOf(minimal({ database: { url } }));
  expect(printConfig(config)).not.toMatch(/canary|can:ary|ary@/);
  expect(secretsOf(config).length).toBeGreaterThan(0);
});

test("secrets are known in each spelling that a log line could hold", () => {
  expect(secretsOf(configOf(canaries))).toEqual([
    "canary-rpc-1",
    "canary-rpc-2",
    "canary-p%40ss",
    "canary-p@ss",
  ]);
  expect(secretsOf(configOf(minimal()))).toEqual([]);
});

test("what is printed is a configuration with the same effect", () => {
  const config = configOf(minimal({ stratum: { listen: ["[::]:3333", "10.0.0.1:3334"] } }));
  const again = parseConfig(printConfig(config), folder, {});
  expect(again).toEqual({ ok: true, config });
});

test("every setting is printed, defaults included", () => {
  const printed = parse(printConfig(configOf(minimal())));
  expect(printed.stratum.limits.seenShares).toBe(16_777_216);
  expect(printed.journal.directory).toBe("/etc/penstock/data/journal");
});
