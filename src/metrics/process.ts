import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "./index.ts";

const resolutionMs = 10;
const periodMs = 1_000;

/** Measures this process itself: event loop, processor time, memory. Does not keep the process alive. */
export function watchProcess({ runtime, onCollect }: Metrics): { stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const timer = setInterval(() => {
    // The monitor's own interval is part of what it measures.
    const worstMs = Math.max(0, delay.max / 1e6 - resolutionMs);
    delay.reset();
    runtime.loopLag.observe(worstMs / 1_000);
  }, periodMs);
  timer.unref();

  runtime.startTime.set(performance.timeOrigin / 1_000);
  onCollect(() => {
    const { user, system } = process.cpuUsage();
    runtime.cpu.reset();
    runtime.cpu.inc((user + system) / 1e6);
    const { rss, heapUsed } = process.memoryUsage();
    runtime.residentMemory.set(rss);
    runtime.heapUsed.set(heapUsed);
  });

  return {
    stop() {
      clearInterval(timer);
      delay.disable();
    },
  };
}
