/** What a benchmark of the whole pool plays on: a fake node, a real Postgres, servers and generators, each ended with it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startPostgres } from "../test/support/postgres.ts";
import { startFakeNode } from "./fake-node.ts";
import { type Generator, type Protocol, startGenerator, v1 } from "./generator.ts";
import { buildProgram, type Place, type PoolServer, type Server, startPool } from "./servers.ts";

/** The processor of the generator, the node and Postgres. */
export const loadCpu = "1";

export interface StageOptions {
  /** In which a folder is made. */
  readonly directory: string;
  readonly place: Place;
  /** Whether the pool runs as it is installed, without the loader that runs TypeScript. */
  readonly isBuilt: boolean;
  readonly nodeOptions?: readonly string[] | undefined;
}

export interface Stage {
  startPool(): Promise<PoolServer>;
  /** Both are ended when `use` is done. */
  withServer<Started extends Server, T>(
    start: () => Promise<Started>,
    use: (server: Started, generator: Generator) => Promise<T>,
    protocol?: Protocol,
  ): Promise<T>;
  close(): Promise<void>;
}

export async function setStage({ directory, place, isBuilt, nodeOptions }: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(join(directory, "penstock-bench-"));
  const [node, postgres] = await Promise.all([startFakeNode(), startPostgres()]);
  for (const pid of [process.pid, postgres.server.pid]) {
    execFileSync("taskset", ["-apc", loadCpu, String(pid)], { stdio: "ignore" });
  }
  const program = isBuilt ? await buildProgram(join(folder, "program")) : undefined;
  const running = new Set<Server>();
  let pools = 0;

  return {
    startPool: () =>
      startPool({
        directory: join(folder, String(++pools)),
        node,
        postgres,
        durability: "fsync",
        place,
        program,
        nodeOptions,
      }),
    async withServer(start, use, protocol = v1) {
      const server = await start();
      running.add(server);
      const generator = await startGenerator(loadCpu, protocol);
      try {
        return await use(server, generator);
      } finally {
        await generator.stop();
        await server.stop();
        running.delete(server);
      }
    },
    async close() {
      for (const server of running) await server.stop();
      await postgres.stop();
      await node.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
