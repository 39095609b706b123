import { spawn } from "node:child_process";

/** What still runs when this process ends, ends with it. */
const running = new Set();
process.once("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

function start(file, args, options) {
  const child = spawn(file, args, options);
  running.add(child);
  const forget = () => running.delete(child);
  return child.once("error", forget).once("close", forget);
}

/**
 * Runs a program to its end and gives its output; never through a shell.
 * @returns {Promise<{code: number | null, signal: string | null, stdout: string, stderr: string}>}
 * code is null when the program was ended by a signal, 127 when it could not be started.
 */
export function capture(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = start(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (output.stderr += text));
    child.once("error", (error) => resolve({ code: 127, signal: null, stdout: "", stderr: error.message }));
    child.once("close", (code, signal) => resolve({ code, signal, ...output }));
  });
}

/** Runs a program that talks to the terminal itself. Its exit code, or 127 when it could not be started. */
export function attach(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = start(file, args, { stdio: "inherit", ...options });
    child.once("error", () => resolve(127));
    child.once("close", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}
