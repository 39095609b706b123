import { writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { provideHaproxy } from "../../scripts/lib/parts.mjs";
import { until } from "./deadline.ts";
import { freePort, freePorts } from "./ports.ts";
import { launch } from "./processes.ts";
import { temporaryFolder } from "./temporary.ts";

/** Whether this machine can talk to itself over IPv6; some containers cannot. */
export const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

/** A real HAProxy that hands TCP connections on, as they come, encrypted or not. */
export interface Haproxy {
  /** Where it listens, on 127.0.0.1 and, where there is IPv6, on ::1; in the order of its routes. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

export interface Route {
  /** Of 127.0.0.1. */
  readonly to: number;
  /** What stands behind the address on HAProxy's `server` line, such as `send-proxy-v2`. */
  readonly server: string;
}

/** Starts HAProxy and waits until it listens. */
export async function startHaproxy(routes: readonly Route[]): Promise<Haproxy> {
  const { haproxy } = await provideHaproxy({ log: (line) => console.error(line) });
  const folder = await temporaryFolder("haproxy");
  const ports = await freePorts(routes.length);
  const readyPort = await freePort();
  const file = join(folder.path, "haproxy.cfg");
  await writeFile(file, configuration(routes, ports, readyPort));
  const proxy = launch({ name: "haproxy", file: haproxy, args: ["-db", "-f", file] });
  const ready = async () => proxy.exited || (await fetch(`http://127.0.0.1:${readyPort}/ready`)).ok;
  await until(ready, { timeoutMs: 20_000, what: "HAProxy to be ready" });
  if (proxy.exited) throw new Error(`haproxy ended at start:\n${proxy.lines.join("\n")}`);
  return {
    ports,
    stop: async () => {
      await proxy.stop();
      await folder.remove();
    },
  };
}

function configuration(routes: readonly Route[], ports: readonly number[], readyPort: number): string {
  const listeners = routes.map(
    ({ to, server }, index) => `
listen route-${index}
  bind 127.0.0.1:${ports[index]}
  ${hasIpv6 ? `bind [::1]:${ports[index]}` : ""}
  server pool 127.0.0.1:${to} ${server}
`,
  );
  return `
global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout check 5s
frontend ready
  mode http
  bind 127.0.0.1:${readyPort}
  monitor-uri /ready
${listeners.join("")}`;
}
