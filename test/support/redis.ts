import { connect } from "node:net";
import { provideRedis } from "../../scripts/lib/parts.mjs";
import { until } from "./deadline.ts";
import { freePort } from "./ports.ts";
import { launch, type Running } from "./processes.ts";
import { temporaryFolder } from "./temporary.ts";

/** A real Redis on loopback that keeps nothing on disk, as a cache that may be wiped at any time. */
export interface Redis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
  /** SIGKILL: all it held is gone. */
  kill(): Promise<void>;
  /** Starts again, empty, on the same port. */
  restart(): Promise<void>;
  /** Freezes and thaws the process. */
  hang(): void;
  resume(): void;
}

/** Starts Redis and waits until it answers. */
export async function startRedis({ extraArgs = [] }: { extraArgs?: readonly string[] } = {}): Promise<Redis> {
  const { redisServer } = await provideRedis({ log: (line) => console.error(line) });
  const folder = await temporaryFolder("redis");
  const port = await freePort();
  const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no", dir: folder.path };
  const args = [...Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]), ...extraArgs];

  let server: Running;
  const start = async () => {
    server = launch({ name: "redis-server", file: redisServer, args });
    await until(() => server.exited || ping(port), { timeoutMs: 20_000, what: "Redis to answer" });
    if (server.exited) throw new Error(`redis-server ended at start:\n${server.lines.join("\n")}`);
  };
  const halt = async () => {
    server.signal("SIGCONT");
    await server.stop();
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid;
    },
    stop: async () => {
      await halt();
      await folder.remove();
    },
    kill: () => server.kill(),
    restart: async () => {
      await halt();
      await start();
    },
    hang: () => server.signal("SIGSTOP"),
    resume: () => server.signal("SIGCONT"),
  };
}

function ping(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write("PING\r\n"));
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith("+PONG"));
    });
    socket.once("error", reject);
  });
}
