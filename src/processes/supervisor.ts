/**
 * Keeps N stratum workers running. One that dies is replaced under its own number after a pause that grows while it
 * keeps dying, and costs only its own connections.
 *
 *   starting ──ready──► running ──exit──► waiting ──pause over──► starting
 *                          └──stop()──► stopping ──exit──► gone
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Logger } from "../log/index.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

export interface SupervisorOptions<Settings> {
  /** The program that a worker runs, and its arguments. */
  readonly exec: string;
  readonly args: readonly string[];
  readonly workers: number;
  readonly settings: Settings;
  readonly log: Logger;
  /** A worker process exists and takes messages; called again for its replacement. */
  readonly onStarted: (workerNumber: number) => void;
  readonly onMessage: (workerNumber: number, message: Exclude<FromWorker, { type: "hello" }>) => void;
  /** The process is gone, whatever it held is free. */
  readonly onGone: (workerNumber: number) => void;
  readonly onRestart: () => void;
}

export interface Supervisor {
  send(workerNumber: number, message: ToWorker): void;
  broadcast(message: ToWorker): void;
  /** Asks every worker to finish (answer, commit, close) and waits; one that does not within the limit is killed. */
  stop(limitMs: number): Promise<void>;
}

const shortestPauseMs = 100;
const longestPauseMs = 5_000;
/** A worker that lived this long starts again without delay. */
const healthyAfterMs = 10_000;

export function superviseWorkers<Settings>(options: SupervisorOptions<Settings>): Supervisor {
  const { log } = options;
  const running = new Map<number, ChildProcess>();
  /** Those that were told to start: others hear nothing yet. */
  const started = new Set<number>();
  const pauses = new Map<number, NodeJS.Timeout>();
  let stopping = false;

  for (let number = 1; number <= options.workers; number++) start(number, shortestPauseMs);

  function start(workerNumber: number, pauseMs: number): void {
    const startedAt = performance.now();
    // Signals of the terminal reach every process of its group; only the primary acts on them (see pool/worker.ts).
    const worker = fork(options.exec, options.args, { serialization: "advanced" });
    running.set(workerNumber, worker);
    worker.on("message", (message: FromWorker) => {
      if (message.type === "hello") greet(workerNumber);
      else options.onMessage(workerNumber, message);
    });
    worker.on("error", (error) =>
      log.warn(
        { event: "worker-ipc-error", worker: workerNumber, err: error },
        "a worker could not be reached",
      ),
    );
    worker.on("exit", (code, signal) => {
      running.delete(workerNumber);
      started.delete(workerNumber);
      options.onGone(workerNumber);
      if (stopping) return;
      const lived = performance.now() - startedAt;
      const nextPauseMs = lived > healthyAfterMs ? shortestPauseMs : Math.min(pauseMs * 2, longestPauseMs);
      log.error(
        { event: "worker-exited", worker: workerNumber, code, signal, restartInMs: pauseMs },
        "a stratum worker died and is replaced",
      );
      options.onRestart();
      pauses.set(
        workerNumber,
        setTimeout(() => start(workerNumber, nextPauseMs), pauseMs),
      );
    });
  }

  function greet(workerNumber: number): void {
    started.add(workerNumber);
    send(workerNumber, { type: "start", workerNumber, settings: options.settings });
    options.onStarted(workerNumber);
  }

  function send(workerNumber: number, message: ToWorker): void {
    const worker = running.get(workerNumber);
    // A send that fails means that the process is going; its exit is handled above.
    if (worker?.connected) worker.send(message, () => {});
  }

  async function stop(limitMs: number): Promise<void> {
    stopping = true;
    for (const pause of pauses.values()) clearTimeout(pause);
    const exits = [...running.values()].map((worker) => exitOf(worker, limitMs));
    broadcast({ type: "stop" });
    // Who was not told to start has nothing to finish, and would not hear that it shall stop.
    for (const [workerNumber, worker] of running) if (!started.has(workerNumber)) worker.kill("SIGKILL");
    await Promise.all(exits);
  }

  function exitOf(worker: ChildProcess, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        log.error(
          { event: "worker-killed", pid: worker.pid, limitMs },
          "a worker did not stop in time and was killed",
        );
        worker.kill("SIGKILL");
      }, limitMs);
      worker.once("exit", () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  function broadcast(message: ToWorker): void {
    for (const workerNumber of started) send(workerNumber, message);
  }

  return { send, broadcast, stop };
}
