import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { runConfig } from "../../../src/cli/config.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { mainnetAddress, minimal } from "../config/builders.ts";

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder("cli-config"));
});
afterAll(() => remove());

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runConfig(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

async function fileWith(settings: unknown): Promise<string> {
  const file = join(folder, "penstock.yaml");
  await writeFile(file, stringify(settings));
  return file;
}

test("a valid file prints the effective settings and who is paid", async () => {
  const file = await fileWith(minimal());
  const { code, out, err } = await run("check", file);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("windowMultiple: 4");
  expect(out).toContain(`# Payee on mainnet:\n#   ${mainnetAddress}  100 percent`);
  expect(out).toContain("# Miners are credited 99 percent");
  expect(await run("check", "--config", file)).toMatchObject({ code: 0, out });
});

test("a split shows every payee", async () => {
  const taproot = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
  const file = await fileWith(
    minimal({ pool: { address: mainnetAddress, split: [{ address: taproot, percent: 2.5 }] } }),
  );
  const { out } = await run("check", file);
  expect(out).toContain(`# Payees on mainnet:\n#   ${mainnetAddress}  97.5 percent`);
  expect(out).toContain(`#   ${taproot}  2.5 percent`);
});

test("each port is one line: its address, scheme, difficulty, and what a connection to it may begin with", async () => {
  const file = await fileWith(
    minimal({
      stratum: {
        proxyFrom: ["10.0.0.0/8", "192.0.2.1"],
        listeners: [
          { listen: "[::]:13334", scheme: "solo", difficulty: { start: 512, vardiff: false } },
          { listen: "0.0.0.0:3335", difficulty: { start: 500000, min: 65536, sharesPerMinute: 12 } },
        ],
      },
    }),
  );
  const { out } = await run("check", file);
  expect(out.slice(out.indexOf("# Ports:"))).toBe(
    [
      "# Ports:",
      "#   0.0.0.0:3333  pplns; difficulty 1024 at first, then 0.00001 to 1000000000 for 6 shares a minute; no TLS; PROXY header from 10.0.0.0/8, 192.0.2.1",
      "#   [::]:13334    solo; difficulty 512, fixed; no TLS",
      "#   0.0.0.0:3335  pplns; difficulty 500000 at first, then 65536 to 1000000000 for 12 shares a minute; no TLS",
      "",
    ].join("\n"),
  );
  expect(out).toContain(`#   ${mainnetAddress}  100 percent of each block's reward\n`);
  expect(out).toContain(
    "# A block found on a solo port pays its finder 99 percent of its reward; the fee of 1 percent goes to those above",
  );
});

test("a certificate offers TLS on every port, beside connections without it", async () => {
  const tls = { certificateFile: "/etc/penstock/pool.crt", keyFile: "/etc/penstock/pool.key" };
  const file = await fileWith(minimal({ stratum: { tls, listeners: [{ listen: "0.0.0.0:3334" }] } }));
  const { out } = await run("check", file);
  expect(out.match(/^# .*; TLS or without$/gm)).toHaveLength(2);
});

test("a pool that mines solo alone credits nobody: the payees have the fee, and nothing where there is none", async () => {
  const solo = { address: mainnetAddress, scheme: "solo" };
  const { out } = await run("check", await fileWith(minimal({ pool: { ...solo, feePercent: 2 } })));
  expect(out).toContain(`#   ${mainnetAddress}  100 percent of the fee\n`);
  expect(out).toContain("pays its finder 98 percent of its reward; the fee of 2 percent goes");
  expect(out).not.toContain("credited");

  const free = await run("check", await fileWith(minimal({ pool: { ...solo, feePercent: 0 } })));
  expect(free.out).toContain("# A block found on a solo port pays its finder all of its reward.\n");
});

test("what is printed is a configuration file that says the same", async () => {
  const { out } = await run("check", await fileWith(minimal()));
  const file = join(folder, "printed.yaml");
  await writeFile(file, out);
  expect(await run("check", file)).toMatchObject({ code: 0, out });
});

test("faults go to standard error, all of them, and the exit code is 1", async () => {
  const { code, out, err } = await run("check", await fileWith({ chain: "x", pool: { fee: 1 } }));
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err.split("\n").filter((line) => line.startsWith("  "))).toHaveLength(4);
  expect(err).toContain("pool.fee");
  expect(err).toContain("docs/configuration.md");
});

test("a file that is not there is one line that says what to do", async () => {
  const { code, err } = await run("check", join(folder, "none.yaml"));
  expect(code).toBe(1);
  expect(err.trim().split("\n")).toHaveLength(1);
  expect(err).toContain("CONFIG_NOT_FOUND");
});

test.each([[[]], [["chek"]], [["check", "a", "b"]], [["check", "--nonsense"]]])(
  "%j is answered with the usage",
  async (args) => {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toContain("penstock config check [FILE]");
  },
);

test("--help is no error", async () => {
  expect(await run("--help")).toMatchObject({ code: 0, err: "" });
});
