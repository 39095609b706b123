import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { capture } from "../../scripts/lib/run.mjs";
import { projectDir } from "../support/checkout.ts";
import { freePorts } from "../support/ports.ts";
import { launch, type Running } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { V1Client } from "../support/v1-client.ts";

const blockLine = /mining block (\d+) · (\d+) shares accepted, 0 refused · ([1-9]\d*) blocks/;

test("npm start shows a pool at work, stops on Ctrl-C in order, goes on where it stopped, and survives its own death", async () => {
  const folder = await temporaryFolder("demo");
  onTestFinished(folder.remove);
  const [port, http, solo] = await freePorts(3);
  const start = (...more: string[]) => {
    const ports = ["--port", `${port}`, "--http", `${http}`, ...more];
    const options = ["--data", folder.path, "--host", "127.0.0.1", ...ports];
    const demo = launch({
      name: "npm start",
      file: process.execPath,
      args: [join(projectDir, "scripts/start.mjs"), ...options],
    });
    onTestFinished(() => demo.stop("SIGINT", 60_000));
    return demo;
  };

  const first = start();
  await first.waitForLine(/Penstock is running/, 90_000);
  expect(await first.waitForLine(/Point a miner at/)).toContain(`stratum+tcp://127.0.0.1:${port}`);
  expect(await first.waitForLine(/Point a browser at/)).toContain(`http://127.0.0.1:${http}/metrics`);
  await first.waitForLine(/first share accepted/, 60_000);
  const firstHeight = heightIn(await first.waitForLine(blockLine, 60_000));
  await first.waitForLine(/rewards of \d+ blocks in the chain/, 30_000);

  const second = await refusedSecondStart(folder.path);
  expect(second).toContain("runs already");

  await first.stop("SIGINT", 60_000);
  expect(await first.exit).toEqual({ code: 0, signal: null });
  expect(first.lines.at(-1)).toContain("npm start goes on from here");
  expect(await processesOf(folder.path)).toEqual([]);

  // The database is started for the question alone; its words go to standard error, a pipe here.
  expect(await penstock(folder.path, "ledger", "balances")).toMatch(/rewards of \d+ blocks/);
  expect(await processesOf(folder.path)).toEqual([]);

  const again = start();
  expect(heightIn(await again.waitForLine(blockLine, 90_000))).toBeGreaterThan(firstHeight);
  await again.kill();
  expect(await processesOf(folder.path)).not.toEqual([]);

  const third = start("--solo", `${solo}`);
  await third.waitForLine(/ended the pool of a run that was killed/, 60_000);
  await third.waitForLine(/first share accepted/, 90_000);
  expect(await third.waitForLine(/Mine solo at/)).toContain(`stratum+tcp://127.0.0.1:${solo}`);
  const address = (await third.waitForLine(/^ +tb1\w+\.mine/)).trim().split(".")[0];
  const soloMiner = await V1Client.start(solo!, `${address}.solo`);
  soloMiner.close();
  const balances = await penstock(folder.path, "ledger", "balances");
  expect(balances).toMatch(/rewards of \d+ blocks/);
  await third.stop("SIGTERM", 60_000);
  expect(await third.exit).toEqual({ code: 0, signal: null });
  expect(await processesOf(folder.path)).toEqual([]);
});

test("Ctrl-C while it starts stops what was started", async () => {
  const folder = await temporaryFolder("demo");
  onTestFinished(folder.remove);
  const [port, http] = await freePorts(2);
  const options = ["--data", folder.path, "--host", "127.0.0.1", "--port", `${port}`, "--http", `${http}`];
  const demo: Running = launch({
    name: "npm start",
    file: process.execPath,
    args: [join(projectDir, "scripts/start.mjs"), ...options],
  });
  onTestFinished(() => demo.kill());
  await demo.waitForLine(/starting the pool/, 60_000);

  await demo.stop("SIGINT", 60_000);

  expect(await demo.exit).toEqual({ code: 0, signal: null });
  expect(await processesOf(folder.path)).toEqual([]);
});

async function refusedSecondStart(folder: string): Promise<string> {
  const script = join(projectDir, "scripts/start.mjs");
  const { code, stderr } = await capture(process.execPath, [script, "--data", folder]);
  expect(code).toBe(1);
  return stderr;
}

async function penstock(folder: string, ...args: string[]): Promise<string> {
  const program = join(projectDir, "bin/penstock.mjs");
  const command = [program, ...args, "--config", join(folder, "penstock.yaml")];
  const { code, stdout, stderr } = await capture(process.execPath, command);
  expect(code, stderr).toBe(0);
  return stdout;
}

function heightIn(line: string): number {
  return Number(blockLine.exec(line)![1]);
}

/** What still runs with this folder: named in its arguments, or where it writes to (titles hide the arguments). */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const output = await readlink(`/proc/${pid}/fd/1`).catch(() => "");
      return `${command} ${output}`;
    }),
  );
  return found.filter((text) => text.includes(folder));
}
