import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { pages } from "../../../scripts/write-docs.ts";
import { parseConfig } from "../../../src/config/index.ts";
import { folder, mainnetAddress } from "./builders.ts";

const root = resolve(import.meta.dirname, "../../..");
const example = () => readFile(resolve(root, "config/penstock.example.yaml"), "utf8");

test.each(pages)(
  "$file says what the source says; `npx tsx scripts/write-docs.ts` writes it",
  async ({ file, text }) => {
    expect(await readFile(resolve(root, file), "utf8")).toBe(text());
  },
);

test("the example lacks only a password and an address, so that nobody mines to a stranger", async () => {
  const parsed = parseConfig(await example(), folder, {});
  expect(parsed.ok ? [] : parsed.faults.map(({ path }) => path)).toEqual([
    "nodes[0].password",
    "pool.address",
  ]);
});

test("the example has every setting with its default", async () => {
  const filled = (await example()).replace("YOUR-ADDRESS-HERE", mainnetAddress);
  const whole = parseConfig(filled, folder, { NODE_PASSWORD: "x" });
  const least = parseConfig(
    `chain: mainnet\nnodes: [{ rpc: "http://127.0.0.1:8332", user: pool, password: x, zmq: "tcp://127.0.0.1:28332" }]\npool: { address: ${mainnetAddress} }`,
    folder,
    {},
  );
  expect(whole).toEqual(least);
});
