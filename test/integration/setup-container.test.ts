import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { capture } from "../../scripts/lib/run.mjs";
import { startBitcoind } from "../support/bitcoind.ts";
import { projectDir } from "../support/checkout.ts";
import { until } from "../support/deadline.ts";
import { freePorts } from "../support/ports.ts";
import { launch } from "../support/processes.ts";
import { promtool } from "../support/prometheus.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** No container engine is at hand: what an image is made of is run here by the same scripts. */
describe("what the Dockerfile does", () => {
  let dockerfile: string;
  beforeAll(async () => {
    dockerfile = await readFile(join(projectDir, "Dockerfile"), "utf8");
  });

  test("it copies only what there is and what .dockerignore lets in", async () => {
    const ignore = await readFile(join(projectDir, ".dockerignore"), "utf8");
    const letIn = ignore.split("\n").flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));
    const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)];
    const sources = copies.flatMap(([, names]) => names!.split(" "));

    expect(sources).toEqual(expect.arrayContaining(["package.json", "scripts", "src", "native", "bin"]));
    for (const source of sources) {
      expect(existsSync(join(projectDir, source)), source).toBe(true);
      expect(letIn).toContain(source);
    }
  });

  test("its npm commands are package.json's scripts, and it does not run as root", async () => {
    const { scripts } = JSON.parse(await readFile(join(projectDir, "package.json"), "utf8"));
    const commands = [...dockerfile.matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name!);

    expect(commands).toEqual(["build", "package", "install-node"]);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(commands));
    expect(dockerfile.match(/^USER node$/gm)).toHaveLength(2);
    expect(dockerfile).not.toMatch(/^USER root/m);
  });

  test("the programs that the pool calls are installed, not hoped for", () => {
    const pool = dockerfile.slice(dockerfile.indexOf(" AS pool\n"));
    expect(pool).toMatch(/apt-get install .*\butil-linux\b/); // flock, setpriv
  });

  test("built and packed, the program runs without source, compiler or development packages", async () => {
    const folder = await temporaryFolder("package");
    onTestFinished(folder.remove);
    const packed = join(folder.path, "app");
    await run("npm", ["run", "build"]);
    await run("npm", ["run", "package", "--", packed]);
    const penstock = join(packed, "bin/penstock.mjs");

    expect(existsSync(join(packed, "src"))).toBe(false);
    expect(existsSync(join(packed, "node_modules/vitest"))).toBe(false);
    expect((await run(process.execPath, [penstock, "--version"])).trim()).toMatch(/^\d+\.\d+\.\d+$/);
    await run(process.execPath, [
      penstock,
      "config",
      "check",
      join(projectDir, "config/compose/penstock.yaml"),
    ]);
    await servesAndMines(penstock, folder.path);
  });

  test("its health check is content with 200 alone", async () => {
    let status = 200;
    const server = createServer((_, response) => response.writeHead(status).end());
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const check = async () => {
      const args = [join(projectDir, "bin/healthcheck.mjs"), `http://127.0.0.1:${port}/livez`];
      return (await capture(process.execPath, args)).code;
    };

    expect(dockerfile).toContain('CMD ["node", "/app/bin/healthcheck.mjs"]');
    expect(await check()).toBe(0);
    status = 503;
    expect(await check()).toBe(1);
    server.close();
    server.closeAllConnections();
    expect(await check()).toBe(1);
  });
});

describe("what compose.yaml starts", () => {
  interface Service {
    readonly build?: { readonly target: string };
    readonly image?: string;
    readonly ports?: readonly string[];
    readonly volumes?: readonly string[];
    readonly networks: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
  }
  let services: Readonly<Record<string, Service>>;
  let compose: { networks: Record<string, { internal?: boolean }>; volumes: Record<string, unknown> };
  beforeAll(async () => {
    compose = parse(await readFile(join(projectDir, "compose.yaml"), "utf8"));
    services = (compose as unknown as { services: Record<string, Service> }).services;
  });

  test("pool, node, Postgres, Redis, Prometheus and Grafana; each image stage exists", async () => {
    const dockerfile = await readFile(join(projectDir, "Dockerfile"), "utf8");

    expect(Object.keys(services)).toEqual(["pool", "node", "postgres", "redis", "prometheus", "grafana"]);
    for (const { build } of Object.values(services)) {
      if (build) expect(dockerfile).toContain(` AS ${build.target}\n`);
    }
  });

  test("only miners' port is open to the world; databases, RPC and Prometheus are not published at all", () => {
    const published = Object.entries(services).map(([name, { ports = [] }]) => [name, ports]);

    expect(Object.fromEntries(published)).toEqual({
      pool: ["3333:3333", "127.0.0.1:8080:8080"],
      node: [],
      postgres: [],
      redis: [],
      prometheus: [],
      grafana: ["127.0.0.1:3000:3000"],
    });
    expect(compose.networks["inside"]).toEqual({ internal: true });
    for (const name of ["postgres", "redis", "prometheus"])
      expect(services[name]?.networks).toEqual(["inside"]);
  });

  test("every password comes from the operator, and a missing one stops the start", () => {
    const secrets = Object.values(services)
      .flatMap(({ environment = {} }) => Object.entries(environment))
      .filter(([name]) => name.endsWith("PASSWORD"));

    expect(secrets).toHaveLength(4);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{[A-Z]+_PASSWORD:\?write .* into \.env\}$/);
  });

  test("every file that is mounted exists, every volume is declared", () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.map((volume) => volume.split(":")[0]!),
    );

    for (const source of mounted) {
      if (source.startsWith("./")) expect(existsSync(join(projectDir, source)), source).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  test("the pool's configuration and Prometheus's are valid", async () => {
    await run(process.execPath, [
      join(projectDir, "bin/penstock.mjs"),
      "config",
      "check",
      join(projectDir, "config/compose/penstock.yaml"),
    ]);
    const config = join(projectDir, "config/compose/prometheus.yml");
    const { code, output } = await promtool(["check", "config", "--syntax-only", config]);
    expect(code, output).toBe(0);
  });
});

/** A pool and a miner of the packed program, on a real node: workers, threads, SQL and native code are all found. */
async function servesAndMines(penstock: string, folder: string): Promise<void> {
  const node = await startBitcoind({ chain: "signet" });
  onTestFinished(() => node.stop());
  const [port, http] = await freePorts(2);
  const address = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
  const config = {
    chain: "signet",
    nodes: [{ rpc: node.rpcUrl, cookieFile: node.cookieFile, zmq: node.zmq }],
    pool: { address },
    stratum: { listen: [`127.0.0.1:${port}`], workers: 1, difficulty: { start: 0.0001 } },
    http: { listen: `127.0.0.1:${http}` },
  };
  const configFile = join(folder, "penstock.yaml");
  await writeFile(configFile, JSON.stringify(config));
  const pool = launch({
    name: "packed pool",
    file: process.execPath,
    args: [penstock, "serve", "--config", configFile],
  });
  onTestFinished(() => pool.stop("SIGTERM", 60_000));
  const ready = async () => pool.exited || (await fetch(`http://127.0.0.1:${http}/readyz`)).ok;
  await until(ready, { timeoutMs: 60_000, what: "the packed pool to be ready" });
  expect(pool.exited, pool.lines.slice(-10).join("\n")).toBe(false);

  const url = `stratum+tcp://127.0.0.1:${port}`;
  const mined = await run(process.execPath, [
    ...[penstock, "miner", "--url", url, "--user", `${address}.packed`],
    ...["--threads", "1", "--duration", "5"],
  ]);
  expect(mined).toMatch(/in all: .* [1-9]\d* accepted, 0 rejected/);
  expect(await run(process.execPath, [penstock, "ledger", "balances", "--config", configFile])).toContain(
    address,
  );
}

/** Runs a command as in the container, where compose.yaml sets these; fails with what it said. */
async function run(file: string, args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    CHAIN: "mainnet",
    POOL_ADDRESS: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    POSTGRES_PASSWORD: "secret",
  };
  const { code, stdout, stderr } = await capture(file, args, { cwd: projectDir, env });
  expect(code, `${file} ${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}
