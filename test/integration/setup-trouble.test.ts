import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { capture } from "../../scripts/lib/run.mjs";
import { fakeNodeOnPath, freshCheckout, projectDir } from "../support/checkout.ts";
import { freePort } from "../support/ports.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** Nobody listens there. */
const nowhere = "http://127.0.0.1:9/";

describe("what is missing is said in one line, with what to do", () => {
  test("an npm registry that cannot be reached", async () => {
    const folder = await aCheckout();
    const settings = {
      PATH: await fakeNodeOnPath(folder),
      npm_config_registry: nowhere,
      npm_config_fetch_retries: "0",
      npm_config_cache: join(folder, "npm-cache"),
    };

    const said = await failingSetup(folder, settings);

    expect(said).toMatch(/^setup: npm could not install the packages: .*ECONNREFUSED/);
    expect(said).toContain("The npm registry cannot be reached: check the network");
  });

  test("a machine without Debian's package manager", async () => {
    const said = await failingInstall(await aCheckout(), { PATH: "/nowhere" });

    expect(said).toContain("Debian's package manager (apt-get) is not on this machine.");
    expect(said).toContain("put it on PATH");
  });

  test("an apt that knows no mirror", async () => {
    const folder = await aCheckout();

    const said = await failingInstall(folder, await aptSettings(folder, "none", ""));

    expect(said).toContain("apt on this machine knows no Debian mirror.");
    expect(said).toContain("/etc/apt/sources.list.d");
  });

  test.each([
    ["a list of lines", "sources.list", `deb ${nowhere}debian bookworm main\n`],
    ["deb822", "own.sources", `Types: deb\nURIs: ${nowhere}debian\nSuites: bookworm\nComponents: main\n`],
  ])("a mirror that cannot be reached, named in %s", async (_, file, text) => {
    const folder = await aCheckout();

    const said = await failingInstall(folder, await aptSettings(folder, file, text));

    expect(said).toMatch(/apt could not read the list of trixie and trixie-backports: .*127\.0\.0\.1/);
    expect(said).toContain("Check that the Debian mirror in /etc/apt can be reached");
  });

  test("a folder that cannot be written", async () => {
    const folder = await aCheckout({ modules: true });
    await chmod(folder, 0o555);
    onTestFinished(() => chmod(folder, 0o755));

    const { code, stderr } = await asOrdinaryUser(folder);

    expect(code).toBe(1);
    expect(stderr).toBe(
      `setup: The folder ${folder} cannot be written. Run this as its owner, or copy it to a folder of your own.\n`,
    );
  });

  test("a missing compiler", async () => {
    const folder = await aCheckout({ modules: true });
    const onlyNode = (await fakeNodeOnPath(folder)).split(":")[0];

    const said = await failingSetup(folder, { PATH: onlyNode, CXX: "" });

    expect(said).toMatch(/compiler/);
    expect(said).toMatch(/g\+\+/);
  });

  test("a Node.js that is too old", async () => {
    const script = `
      import { checkNode } from "./scripts/lib/dependencies.mjs";
      import { runCommand } from "./scripts/lib/setup.mjs";
      checkNode("20.19.0");
      checkNode("24.0.0");
      await runCommand("npm start", () => checkNode("20.18.3"));
    `;
    const { code, stderr } = await capture(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: projectDir,
    });

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^npm start: This is Node.js 20.18.3; Penstock needs 20.19 or newer\. Install .*\n$/,
    );
  });
});

describe("a port that is taken is named before anything starts", () => {
  test.each([
    ["--port", "for miners", "0.0.0.0"],
    ["--http", "for metrics", "127.0.0.1"],
    ["--solo", "for solo miners", "127.0.0.1"],
  ])("%s", async (option, purpose, host) => {
    const folder = await temporaryFolder("demo");
    onTestFinished(folder.remove);
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const other = option === "--port" ? "--http" : "--port";
    const args = [
      "--data",
      folder.path,
      "--host",
      host,
      option,
      String(port),
      other,
      String(await freePort()),
    ];

    const { code, stderr } = await capture(process.execPath, [
      join(projectDir, "scripts/start.mjs"),
      ...args,
    ]);

    expect(code).toBe(1);
    expect(stderr).toContain(`npm start: Port ${port} (${purpose}) is taken by another program.`);
    expect(stderr).toContain(`npm start -- ${option} ${port + 1}`);
  });
});

test("an option that makes no sense is refused by name", async () => {
  const { code, stderr } = await capture(process.execPath, [
    join(projectDir, "scripts/start.mjs"),
    "--threads",
    "many",
  ]);

  expect(code).toBe(1);
  expect(stderr).toBe("npm start: --threads many makes no sense. Give a whole number from 0 to 256.\n");
});

async function aCheckout(options: { modules?: boolean } = {}): Promise<string> {
  const { path, remove } = await freshCheckout(options);
  onTestFinished(remove);
  return path;
}

async function failingSetup(cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return failing("scripts/setup.mjs", cwd, env);
}

async function failingInstall(cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return failing("scripts/install-node.mjs", cwd, env);
}

/** The last line that a script says when it fails. */
async function failing(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { code, stderr } = await capture(process.execPath, [script], {
    cwd,
    env: { ...process.env, ...env },
  });
  expect(code, stderr).toBe(1);
  return stderr.trimEnd().split("\n").at(-1)!;
}

/** Makes apt read its sources from one file alone, and finds no node on PATH. */
async function aptSettings(folder: string, file: string, text: string): Promise<NodeJS.ProcessEnv> {
  const source = join(folder, file);
  const config = join(folder, `${file}.conf`);
  const isList = file.endsWith(".list");
  await writeFile(source, text);
  await writeFile(
    config,
    `Dir::Etc::sourcelist "${isList ? source : "/dev/null"}";\n` +
      `Dir::Etc::sourceparts "${file.endsWith(".sources") ? folder : "/dev/null"}";\n` +
      'Acquire::Retries "0";\n',
  );
  return { APT_CONFIG: config, PATH: "/usr/bin:/bin" };
}

/** Root may write anywhere, so a test that runs as root becomes nobody. */
function asOrdinaryUser(cwd: string) {
  const command = [process.execPath, "scripts/setup.mjs"];
  if (process.getuid?.() !== 0) return capture(command[0]!, command.slice(1), { cwd });
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  return capture("setpriv", [...nobody, ...command], { cwd, env: { ...process.env, HOME: "/tmp" } });
}
