/** One run of each device, drawn: difficulty beside what would be ideal, and shares of each minute beside the aim. */
import { devices, solarDay, solarNight, sum } from "../test/support/vardiff-scenarios.ts";
import type { Device, Outcome } from "../test/support/vardiff-simulation.ts";
import { defaultBounds, simulate } from "../test/support/vardiff-simulation.ts";

const seed = 3;
const panel = { width: 400, height: 120, left: 64, top: 76, gapX: 76, gapY: 64 };
const width = 2 * panel.width + panel.left + panel.gapX + 32;
/** Higher columns are cut and bear their number. */
const tallest = 18;
const aim = defaultBounds.sharesPerMinute;

const style = `
  svg { font: 12px system-ui, sans-serif; }
  .paper { fill: #ffffff; } text { fill: #24292f; } .quiet { fill: #57606a; font-size: 11px; }
  .grid { stroke: #d8dee4; fill: none; } .band { fill: #1a7f37; fill-opacity: 0.14; }
  .held { stroke: #0969da; fill: none; stroke-width: 2; }
  .ideal { stroke: #bc4c00; fill: none; stroke-dasharray: 5 4; stroke-width: 1.5; }
  .shares { fill: #0969da; fill-opacity: 0.75; } .aim { stroke: #1a7f37; stroke-dasharray: 5 4; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9da7b3; }
    .grid { stroke: #30363d; } .band { fill: #3fb950; } .held { stroke: #58a6ff; } .ideal { stroke: #f0883e; }
    .shares { fill: #58a6ff; } .aim { stroke: #3fb950; }
  }
`;

interface Row {
  readonly title: string;
  readonly device: Device;
  readonly minutes: number;
}

export function plot(): string {
  const big = devices.find(({ name }) => name === "rig, 200 TH/s")!.device;
  const rows: Row[] = [
    ...devices.map(({ name, device }) => ({ title: name, device, minutes: 60 })),
    { title: "rig, 200 TH/s, throttled to 20% and back", device: solarDay(big), minutes: 240 },
    { title: "rig, 200 TH/s, throttled to nothing and back", device: solarNight(big), minutes: 240 },
  ];
  const height = panel.top + rows.length * (panel.height + panel.gapY);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    "<title>Difficulty and shares per minute of simulated devices</title>",
    `<style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    text(panel.left, 22, "Difficulty (logarithmic); dashed: the ideal", "start"),
    text(secondColumn, 22, `Shares in each minute; dashed: the aim, ${aim}, and a quarter about it`, "start"),
    ...rows.map((row, index) => drawRow(row, panel.top + index * (panel.height + panel.gapY))),
    "</svg>\n",
  ].join("\n");
}

const secondColumn = panel.left + panel.width + panel.gapX;

function drawRow({ title, device, minutes }: Row, top: number): string {
  const outcome = simulate({ device, seconds: minutes * 60 }, seed);
  return [
    `<text x="${panel.left}" y="${top - 10}" font-weight="600">${title}</text>`,
    drawDifficulty(outcome, device, top),
    drawShares(outcome, minutes, top),
    ...[panel.left, secondColumn].map((left) => drawMinutes(minutes, left, top)),
  ].join("\n");
}

function drawDifficulty({ difficulties }: Outcome, device: Device, top: number): string {
  const logs = [...difficulties].map(Math.log2);
  const ideals = logs.map((_, second) => Math.log2((device.hashrate(second) * 60) / aim / 2 ** 32));
  const seen = [...logs, ...ideals].filter(Number.isFinite);
  const tick = tickFor(Math.max(...logs) - Math.min(...logs));
  const bottom = Math.floor((Math.min(...logs) - 1) / tick) * tick;
  const ceiling = Math.ceil((Math.max(...seen) + 0.5) / tick) * tick;
  const y = (log: number) => top + panel.height * (1 - (Math.max(log, bottom) - bottom) / (ceiling - bottom));
  const lines = [];
  for (let log = bottom; log <= ceiling; log += tick) {
    lines.push(gridLine(panel.left, y(log)), text(panel.left - 6, y(log) + 4, `2${exponent(log)}`));
  }
  return [...lines, stairs(ideals.map(y), "ideal"), stairs(logs.map(y), "held")].join("\n");
}

const tickFor = (span: number) => (span > 16 ? 8 : span > 6 ? 4 : 2);

const exponent = (value: number) => `<tspan dy="-4" font-size="9">${value}</tspan>`;

/** Only the corners, so that hours of seconds stay a short path. */
function stairs(ys: readonly number[], name: string): string {
  const x = (second: number) => (panel.left + (panel.width * second) / ys.length).toFixed(1);
  const corners = ys.flatMap((y, second) => {
    if (second === 0) return [`M${x(0)} ${y.toFixed(1)}`];
    return y.toFixed(1) === ys[second - 1]!.toFixed(1) ? [] : [`H${x(second)}V${y.toFixed(1)}`];
  });
  return `<path class="${name}" d="${corners.join("")}H${x(ys.length)}"/>`;
}

function drawShares({ shares }: Outcome, minutes: number, top: number): string {
  const y = (count: number) => top + panel.height * (1 - Math.min(count, tallest) / tallest);
  const step = panel.width / minutes;
  const parts = [0, 6, 12, 18].flatMap((count) => [
    gridLine(secondColumn, y(count)),
    text(secondColumn - 6, y(count) + 4, String(count)),
  ]);
  const [upper, lower] = [y(aim * 1.25), y(aim * 0.75)];
  parts.push(
    `<rect class="band" x="${secondColumn}" y="${upper}" width="${panel.width}" height="${lower - upper}"/>`,
  );
  // Of cut columns side by side the first is the tallest, and there is room for one number.
  let freeFrom = secondColumn;
  for (let minute = 0; minute < minutes; minute++) {
    const count = sum(shares.subarray(minute * 60, minute * 60 + 60));
    const x = secondColumn + minute * step;
    parts.push(
      `<rect class="shares" x="${x.toFixed(1)}" y="${y(count).toFixed(1)}" width="${(step * 0.8).toFixed(1)}" height="${(top + panel.height - y(count)).toFixed(1)}"/>`,
    );
    if (count <= tallest || x < freeFrom) continue;
    parts.push(text(x + step + 1, top + 10, String(count), "start"));
    freeFrom = x + 40;
  }
  parts.push(`<path class="aim" d="M${secondColumn} ${y(aim)}h${panel.width}"/>`);
  return parts.join("\n");
}

function drawMinutes(minutes: number, left: number, top: number): string {
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    text(left + panel.width * part, top + panel.height + 16, `${minutes * part} min`, "middle"),
  );
  return marks.join("\n");
}

const gridLine = (left: number, y: number) =>
  `<path class="grid" d="M${left} ${y.toFixed(1)}h${panel.width}"/>`;

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end" = "end"): string {
  return `<text class="quiet" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
}
