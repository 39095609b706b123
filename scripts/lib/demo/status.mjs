/** What the demo shows while it runs, read off the pool's own metrics and books. */
import { capture } from "../run.mjs";

/** @returns {Promise<{accepted: number, refused: number, work: number, blocks: Record<string, number>, height: number}>} */
export async function readCounters(httpUrl) {
  const response = await fetch(`${httpUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const samples = parseSamples(await response.text());
  const sum = (name, matches = () => true) =>
    samples
      .filter((sample) => sample.name === name && matches(sample.labels))
      .reduce((total, { value }) => total + value, 0);
  const answered = "penstock_shares_answered_total";
  return {
    accepted: sum(answered, ({ result }) => result === "accepted"),
    refused: sum(answered, ({ result }) => result !== "accepted"),
    work: sum("penstock_shares_work_hashes_total"),
    blocks: {
      immature: sum("penstock_blocks", ({ state }) => state === "immature"),
      mature: sum("penstock_blocks", ({ state }) => state === "mature"),
      orphaned: sum("penstock_blocks", ({ state }) => state === "orphaned"),
    },
    height: sum("penstock_template_height"),
  };
}

/** Prometheus' text format: `name{label="value",…} value`. */
function parseSamples(text) {
  return text.split("\n").flatMap((line) => {
    const parts = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) return [];
    const labels = Object.fromEntries(
      [...(parts[2] ?? "").matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
    );
    return [{ name: parts[1], labels, value: Number(parts[3]) }];
  });
}

/** What `penstock ledger balances` prints, line by line. */
export async function readBalances(program, configFile) {
  const args = [program, "ledger", "balances", "--config", configFile];
  const { code, stdout, stderr } = await capture(process.execPath, args);
  if (code !== 0) return [`the books cannot be read yet: ${stderr.trim().split("\n").at(-1)}`];
  return stdout.trimEnd().split("\n");
}

/** By which Stratum V2 miners know the pool; undefined if it cannot be told. */
export async function readAuthorityKey(program, configFile) {
  const { code, stdout } = await capture(process.execPath, [program, "v2", "key", "--config", configFile]);
  return code === 0 ? stdout.trim() : undefined;
}

/** One line of what happened since the last one. */
export function statusLine(now, before, seconds) {
  const hashrate = before ? (now.work - before.work) / seconds : 0;
  const { immature, mature, orphaned } = now.blocks;
  return [
    new Date().toTimeString().slice(0, 8),
    `mining block ${now.height}`,
    `${now.accepted} shares accepted, ${now.refused} refused`,
    `${immature + mature} blocks (${mature} mature${orphaned > 0 ? `, ${orphaned} orphaned` : ""})`,
    ...(before ? [`${(hashrate / 1e6).toFixed(1)} MH/s`] : []),
  ].join(" · ");
}
