#!/usr/bin/env node
// Exit code 0 if the pool is alive: `healthcheck.mjs [URL]`, for container engines and supervisors.
const url = process.argv[2] ?? "http://127.0.0.1:8080/livez";
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_500) });
  process.exitCode = response.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
